// The grammar of Rhapsode models for editors. It follows ../rhapsode.ebnf, whose production names its rules bear (a level
// of the expression grammar is hidden, `_sum`; the node it makes is `sum`).
//
// Numbers (the point of `1..N` is the range's) and line ends are found by src/scanner.c: a statement ends with its line unless more must follow, a bracket is open, or the
// next line begins with `then`, `else`, `and`, `or`, `in` or `for`.

const list = (part) => seq(part, repeat(seq(',', part)));

const reducer = choice('sum', 'prod', 'min', 'max', 'dot');

// Words in one place, names in all others.
const words = [
  'reactions', 'dose', 'stop', 'from', 'to', 'delay', 'priority', 'persistent', 'values', 'trigger', 'start', 'over', 'lag',
  'bioavailability', 'doses',
];
const contextual = choice(...words, 'csv');
// `csv("…")` is a table, and nothing else is called `csv(`.
const callable = choice(...words);

module.exports = grammar({
  name: 'rhapsode',

  externals: ($) => [$._line_end, $.number, $._error_sentinel],
  extras: ($) => [/[\s\uFEFF]/, $.comment],
  word: ($) => $.name,

  conflicts: ($) => [
    [$.reaction, $.variable],
    [$.variable, $.species],
    [$.variable, $.instance],
    [$.for_clauses],
  ],

  rules: {
    file: ($) => repeat(seq($._statement, $._line_end)),

    _statement: ($) => choice(
      $.model, $.parameters, $.constants, $.initials, $.outputs, $.time, $.index, $.function, $.foreign, $.solve, $.component,
      $.use_file, $.discretes, $.event, $.input, $.objective, $.observation, $.dose, $.doses, $.convention, $.reaction, $.instance, $.equation,
    ),

    model: ($) => seq('model', field('name', $.name)),
    parameters: ($) => seq('param', list($.declaration)),
    constants: ($) => seq('const', list($.declaration)),
    initials: ($) => seq('init', list($.initial)),
    outputs: ($) => seq('output', list($.declaration)),
    time: ($) => seq('time', field('name', $.name), optional($.annotation)),
    index: ($) => seq('index', list(field('name', $.name)), '=', $.range, optional('periodic')),
    function: ($) => seq(
      'fn', field('name', $.name), '(', optional(list(field('parameter', $.name))), ')', '=', $._expression,
    ),
    foreign: ($) => seq(
      'extern', 'fn', field('name', $.name), '(', optional(list(field('parameter', $.name))), ')',
    ),
    solve: ($) => seq(
      'solve', field('variable', $.name), '=', $.range,
      optional(seq('{', optional(seq($.option, repeat(seq($._separator, $.option)), optional($._separator))), '}')),
    ),
    _separator: ($) => choice(',', $._line_end),
    option: ($) => seq(field('name', $.name), '=', choice($.spacing, $._expression)),
    spacing: ($) => seq('every', '(', $._expression, ')'),

    discretes: ($) => seq('discrete', list($.declaration)),
    event: ($) => seq(
      choice(seq('when', $._expression), $._schedule), repeat($._attribute),
      '{', optional(seq($._action, repeat(seq($._separator, $._action)), optional($._separator))), '}',
      optional($.for_clauses),
    ),
    _schedule: ($) => choice(
      seq('at', list($._expression)),
      seq('every', $._expression, optional(seq('from', $._expression)), optional(seq('to', $._expression))),
    ),
    _attribute: ($) => choice(
      seq('delay', $._expression), seq('priority', $._expression), 'persistent', seq('values', 'at', 'trigger'),
      seq('at', 'start'),
    ),
    _action: ($) => choice($.stop, $.assignment),
    stop: () => 'stop',
    assignment: ($) => seq(field('target', $.variable), ':=', field('value', $._expression)),
    dose: ($) => seq(
      'dose', field('target', $.variable), $._expression, $._schedule, optional(seq('over', $._expression)),
      optional(seq('lag', $._expression)), optional(seq('bioavailability', $._expression)), optional($.for_clauses),
    ),

    input: ($) => seq(
      'input', field('name', $.name), '(', field('parameter', $.name), optional($.annotation), ')', optional($.annotation),
      '=', $.csv, optional(field('rule', $.name)), optional(seq('extrapolate', field('rule', $.name))),
    ),
    objective: ($) => seq('objective', field('name', $.name), optional($.annotation), '=', $._expression),
    observation: ($) => seq(
      'observe', $.column, '~', field('distribution', $.name), '(', optional(list($._expression)), ')',
    ),
    csv: ($) => prec(1, seq('csv', '(', $.text, repeat(seq(',', $.column)), ')')),
    column: ($) => choice($.name, $.text, $._whole),
    doses: ($) => seq(
      'doses', $.csv,
      optional(seq('{', optional(seq($.dose_setting, repeat(seq($._separator, $.dose_setting)), optional($._separator))), '}')),
    ),
    dose_setting: ($) => choice(
      seq('id', '=', $._expression), seq($._whole, '=', $.variable),
      seq(choice('lag', 'bioavailability', 'rate', 'duration'), $.variable, '=', $._expression),
    ),

    component: ($) => seq(
      'component', field('name', $.name), '(', optional(list($.declaration)), ')',
      '{', repeat(seq($._part, $._line_end)), optional($._part), '}',
    ),
    _part: ($) => choice(
      $.parameters, $.constants, $.initials, $.outputs, $.index, $.function, $.discretes, $.event, $.dose, $.reaction,
      $.instance, $.equation,
    ),
    use_file: ($) => seq('use', $.text),
    instance: ($) => seq(
      field('name', $.name), optional($.subscripts), '=', field('component', $.name), '(', list($.argument), ')',
      optional($.for_clauses),
    ),
    argument: ($) => seq(field('name', $.name), '=', $._expression),

    convention: ($) => seq('reactions', field('value', $.name)),
    reaction: ($) => seq(
      optional(seq(field('label', $.name), ':')),
      $.side,
      choice(
        seq(choice('->', '=>'), $.side, '@', $._expression),
        seq('<->', $.side, '@', $._expression, ',', $._expression),
      ),
      optional($.for_clauses),
    ),
    // `0` stands for nothing.
    side: ($) => choice($.number, seq($.species, repeat(seq('+', $.species)))),
    species: ($) => seq(optional($.number), repeat($.segment), field('name', $.name), optional($.subscripts)),

    equation: ($) => seq(
      field('left', $._sum), choice(seq(optional($.annotation), '='), '+='), field('right', $._expression),
      optional($.for_clauses),
    ),
    declaration: ($) => seq(
      field('name', $.name), optional($.subscripts), optional($.annotation), optional(seq('=', $._expression)),
      optional($.bounds), optional($.for_clauses),
    ),
    initial: ($) => seq(
      repeat($.segment),
      field('name', $.name), optional(choice(seq($.primes, optional($.subscripts)), seq($.subscripts, optional($.primes)))),
      optional(seq('(', field('time', $.name), ')')), optional($.annotation), '=', $._expression, optional($.for_clauses),
    ),
    bounds: ($) => seq('in', '(', $._expression, ',', $._expression, ')'),
    // A comma after a clause goes on with the clauses or, in a declaration, with the next one: what follows decides.
    for_clauses: ($) => seq('for', list($.for_clause)),
    for_clause: ($) => seq(field('name', $.name), 'in', $.range),
    range: ($) => seq($._sum, '..', $._sum),

    annotation: ($) => seq(':', $.unit),
    unit: ($) => seq($._unit_factor, repeat(seq(choice('*', '·', '/'), $._unit_factor))),
    _unit_factor: ($) => seq($._unit_base, optional(choice(seq('^', $.unit_exponent), $.superscripts))),
    _unit_base: ($) => choice($.name, $.unit_sign, $.number, seq('(', $.unit, ')')),
    unit_exponent: ($) => choice(
      seq(optional('-'), $._whole),
      seq('(', optional('-'), $._whole, optional(seq('/', $._divisor)), ')'),
    ),
    _whole: ($) => $.number,
    _divisor: ($) => $.number,
    unit_sign: ($) => token(choice('%', '‰', /°\p{Alphabetic}*/)),
    superscripts: ($) => token(/⁻?[⁰¹²³⁴-⁹]+/),
    quantity: ($) => seq($.number, '[', $.unit, ']'),

    _expression: ($) => choice($.conditional, $._disjunction),
    conditional: ($) => seq('if', $._expression, 'then', $._expression, 'else', $._expression),

    _disjunction: ($) => choice($.disjunction, $._conjunction),
    disjunction: ($) => seq($._conjunction, repeat1(seq('or', $._conjunction))),
    _conjunction: ($) => choice($.conjunction, $._negation),
    conjunction: ($) => seq($._negation, repeat1(seq('and', $._negation))),
    _negation: ($) => choice($.negation, $._comparison),
    negation: ($) => seq('not', $._negation),
    _comparison: ($) => choice($.comparison, $._sum),
    comparison: ($) => seq($._sum, choice('<', '<=', '>', '>=', '==', '!='), $._sum),
    _sum: ($) => choice($.sum, $._product),
    sum: ($) => seq($._product, repeat1(seq(choice('+', '-'), $._product))),
    _product: ($) => choice($.product, $._unary),
    product: ($) => seq($._unary, repeat1(seq(choice('*', '/'), $._unary))),
    _unary: ($) => choice($.unary, $._power),
    unary: ($) => seq(choice('-', '+'), $._unary),
    _power: ($) => choice($.power, $._primary),
    power: ($) => seq($._primary, '^', $._unary),
    _primary: ($) => choice(
      $.quantity, $.number, $.true, $.false, seq('(', $._expression, ')'), $.reduction, $.csv, $.call, $.delayed,
      $.variable,
    ),
    true: () => 'true',
    false: () => 'false',

    // The names of reductions, and words of one place, are names like any other where nothing says otherwise.
    variable: ($) => choice(
      seq(
        repeat($.segment), field('name', $.name),
        optional(choice(seq($.primes, optional($.subscripts)), seq($.subscripts, optional($.primes)))),
      ),
      seq(field('name', alias(choice(reducer, contextual), $.name)), optional($.primes)),
    ),
    delayed: ($) => seq($.variable, '(', $._expression, ')'),
    segment: ($) => seq($.name, optional($.subscripts), '.'),
    call: ($) => prec(1, seq(
      field('function', choice($.name, alias(choice(reducer, callable), $.name))), '(', optional(list($._expression)), ')',
    )),
    reduction: ($) => seq(
      field('function', alias(reducer, $.name)),
      '[', list($.reduction_index), ']', '(', list($._expression), ')',
    ),
    reduction_index: ($) => seq(field('name', $.name), optional(seq('in', $.range))),
    subscripts: ($) => seq('[', list($._expression), ']'),

    primes: () => token(/'+/),
    name: () => /[_\p{Alphabetic}][_\p{Alphabetic}0-9₀-₉\u0300-\u036f]*/,
    text: () => token(/"[^"\n]*"/),
    comment: () => token(/#[^\n]*/),
  },
});
