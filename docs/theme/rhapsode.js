// Colours for models and transcripts, and labels for models that are wrong on purpose. mdBook has coloured what it knows
// before this runs. `tests/book.rs` holds the keywords to the grammar. (`id`, `rate` and `duration`, words of one place, are
// names everywhere else and stay without a colour.)
(function () {
    'use strict';

    const KEYWORDS =
        'model param const init output time index fn solve component use if then else and or not in for ' +
        'when at every from to delay priority persistent values trigger start stop discrete ' +
        'dose doses csv extrapolate over lag bioavailability input observe objective extern periodic reactions sum prod min max dot';

    hljs.registerLanguage('rhapsode', function () {
        return {
            keywords: { $pattern: /[A-Za-z_]\w*/, keyword: KEYWORDS, literal: 'true false pi' },
            contains: [
                { className: 'comment', begin: /#/, end: /$/ },
                { className: 'string', begin: /"/, end: /"/ },
                { className: 'number', begin: /(?<!\w)(?<!(?<!\.)\.)(\d+\.?(?!\.)\d*|\.\d+)([eE][+-]?\d+)?/ },
                { className: 'attr', begin: /:\s*(?=[^\s=,]+\s*(=(?!>)|,|$))/, end: /(?=\s*(=|,|$))/ },
                { className: 'title', begin: /[^\W\d]\w*'+/ },
                { className: 'built_in', begin: /(?!(?:sum|prod|min|max|dot|if|and|or|not|in|then|else)\b)[A-Za-z_]\w*(?=\()/ },
                { className: 'keyword', begin: /<->|->|=>|\+=|:=|@/ },
            ],
        };
    });

    const escape = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

    document.querySelectorAll('code.language-rhapsode, code.language-ode').forEach(function (block) {
        block.innerHTML = hljs.highlight('rhapsode', block.textContent, true).value;
        const error = [...block.classList].find((name) => name.startsWith('error='));
        if (error) {
            const code = error.slice('error='.length);
            const label = document.createElement('a');
            label.className = 'wrong';
            label.href = path_to_root + 'errors.html#' + code.toLowerCase();
            label.textContent = 'an error: ' + code;
            block.parentElement.before(label);
            block.parentElement.classList.add('wrong');
        }
    });

    document.querySelectorAll('code.language-console').forEach(function (block) {
        block.innerHTML = block.textContent
            .split('\n')
            .map((line) => (line.startsWith('$ ') ? '<b><span class="hljs-meta">$</span>' + escape(line.slice(1)) + '</b>' : escape(line)))
            .join('\n');
    });
})();
