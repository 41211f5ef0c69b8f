// Numbers, and line ends that end a statement. What tree-sitter's tables cannot see is whether the next line goes on: it does if it
// begins with `then`, `else`, `and`, `or`, `in` or `for`. Where no statement can end (inside brackets, after an operator)
// the parser does not ask, and line ends are blanks. Nor can they see that the point of `1..N` belongs to the range.

#include "tree_sitter/parser.h"

#include <string.h>

enum TokenType { LINE_END, NUMBER, ERROR_SENTINEL };

void *tree_sitter_rhapsode_external_scanner_create(void) { return NULL; }
void tree_sitter_rhapsode_external_scanner_destroy(void *payload) { (void)payload; }
unsigned tree_sitter_rhapsode_external_scanner_serialize(void *payload, char *buffer) {
  (void)payload;
  (void)buffer;
  return 0;
}
void tree_sitter_rhapsode_external_scanner_deserialize(void *payload, const char *buffer, unsigned length) {
  (void)payload;
  (void)buffer;
  (void)length;
}

static bool is_blank(int32_t c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == 0xA0 || (c >= 0x2000 && c <= 0x200A) || c == 0x3000 ||
         c == 0xFEFF;
}

static bool is_digit(int32_t c) { return c >= '0' && c <= '9'; }

static void digits(TSLexer *lexer) {
  while (is_digit(lexer->lookahead)) lexer->advance(lexer, false);
  lexer->mark_end(lexer);
}

// `12`, `1.5`, `2.`, `.5`, each with an exponent or not.
static bool number(TSLexer *lexer) {
  bool whole = is_digit(lexer->lookahead);
  digits(lexer);
  if (lexer->lookahead == '.') {
    lexer->advance(lexer, false);
    if (whole && lexer->lookahead == '.') return true;
    if (!whole && !is_digit(lexer->lookahead)) return false;
    digits(lexer);
  }
  if (lexer->lookahead == 'e' || lexer->lookahead == 'E') {
    lexer->advance(lexer, false);
    if (lexer->lookahead == '+' || lexer->lookahead == '-') lexer->advance(lexer, false);
    if (is_digit(lexer->lookahead)) digits(lexer);
  }
  return true;
}

// Whether the word that begins here (it is read) goes on from the line above. A longer word does not: its letters are
// ASCII for as long as they match, and what follows is looked at.
static bool goes_on(TSLexer *lexer) {
  static const char *const words[] = {"then", "else", "and", "or", "in", "for"};
  char word[8];
  unsigned length = 0;
  while (length < sizeof word - 1 && lexer->lookahead >= 'a' && lexer->lookahead <= 'z') {
    word[length++] = (char)lexer->lookahead;
    lexer->advance(lexer, false);
  }
  word[length] = 0;
  int32_t next = lexer->lookahead;
  bool longer = (next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z') || (next >= '0' && next <= '9') ||
                next == '_' || next >= 0x80;
  if (longer) return false;
  for (unsigned k = 0; k < sizeof words / sizeof *words; k++) {
    if (strcmp(word, words[k]) == 0) return true;
  }
  return false;
}

bool tree_sitter_rhapsode_external_scanner_scan(void *payload, TSLexer *lexer, const bool *valid) {
  (void)payload;
  // While recovering from an error everything is valid: let the rest of the grammar find its feet.
  bool line_may_end = valid[LINE_END] && !valid[ERROR_SENTINEL];
  while (is_blank(lexer->lookahead) || (!line_may_end && lexer->lookahead == '\n')) lexer->advance(lexer, true);
  if (valid[NUMBER] && (is_digit(lexer->lookahead) || lexer->lookahead == '.')) {
    lexer->result_symbol = NUMBER;
    return number(lexer);
  }
  if (!line_may_end) return false;
  lexer->result_symbol = LINE_END;
  if (lexer->eof(lexer)) {
    lexer->mark_end(lexer);
    return true;
  }
  // A comment at the end of the line is read by the grammar, which asks again after it.
  if (lexer->lookahead != '\n') return false;
  lexer->advance(lexer, true);
  lexer->mark_end(lexer);
  while (is_blank(lexer->lookahead) || lexer->lookahead == '\n' || lexer->lookahead == '#') {
    if (lexer->lookahead == '#') {
      while (!lexer->eof(lexer) && lexer->lookahead != '\n') lexer->advance(lexer, true);
    } else {
      lexer->advance(lexer, true);
    }
  }
  return !goes_on(lexer);
}
