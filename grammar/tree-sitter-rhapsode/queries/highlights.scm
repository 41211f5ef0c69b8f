; What each part of a model is, in the names that editors give colours.

(comment) @comment
((comment) @comment.documentation (#match? @comment.documentation "^##([^#]|$)"))

[
  "model" "param" "const" "init" "output" "time" "index" "fn" "solve" "component" "use" "periodic" "discrete" "input" "extrapolate" "objective" "observe" "extern"
] @keyword
(event ["when" "at" "every" "from" "to" "delay" "priority" "persistent" "values" "trigger" "start"] @keyword)
(doses "doses" @keyword)
(dose_setting ["id" "lag" "bioavailability" "rate" "duration"] @keyword)
(csv "csv" @function.builtin)
(dose ["dose" "at" "every" "from" "to" "over" "lag" "bioavailability"] @keyword)
(stop) @keyword
["if" "then" "else"] @keyword.conditional
["for" "in"] @keyword.repeat
["and" "or" "not"] @keyword.operator

(number) @number
[(true) (false)] @boolean
(text) @string
(unit) @type
(annotation ":" @punctuation.delimiter)

(model name: (name) @module)
(component name: (name) @type)
(instance component: (name) @type)
(observation distribution: (name) @type)
(objective name: (name) @variable)
(function name: (name) @function)
(foreign name: (name) @function)
(function parameter: (name) @variable.parameter)
(foreign parameter: (name) @variable.parameter)
(call function: (name) @function.call)
(reduction function: (name) @function.builtin)
(reaction label: (name) @label)
(convention "reactions" @keyword)
(option name: (name) @property)
(argument name: (name) @property)
(parameters (declaration name: (name) @constant))
(constants (declaration name: (name) @constant))
(outputs (declaration name: (name) @variable))
(discretes (declaration name: (name) @variable))
(initial name: (name) @variable)
(species name: (name) @variable)
(index name: (name) @variable.parameter)
(for_clause name: (name) @variable.parameter)
(reduction_index name: (name) @variable.parameter)
(variable name: (name) @variable)
(primes) @operator

["=" ":=" "+=" "~" "+" "-" "*" "/" "^" "<" "<=" ">" ">=" "==" "!=" "->" "<->" "=>" "@" ".."] @operator
["(" ")" "[" "]" "{" "}"] @punctuation.bracket
["," "." ":"] @punctuation.delimiter
