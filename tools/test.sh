#!/usr/bin/env bash
# Everything that must hold, from a bare checkout: sets up .venv, then ruff, mypy, the quick tests and the slow ones.
#   bash tools/test.sh          all of it
#   bash tools/test.sh --fast   without the tests marked slow
# Further arguments go to pytest: bash tools/test.sh --fast tests/config -x
# Two processes share the tests, each file's to one of them; `-n 0` runs all in one.
set -euo pipefail

root="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
cd -- "$root"
# shellcheck source=tools/python_env.sh
source tools/python_env.sh
prepare_python_env "$root"

fast=""
pytest_arguments=()
for word in "$@"; do
    if [[ "$word" == --fast ]]; then fast=yes; else pytest_arguments+=("$word"); fi
done

failed=()
check() {
    local name="$1"
    shift
    printf '\n== %s\n' "$name"
    "$@" || failed+=("$name")
}

tests() {
    "$VENV_PYTHON" -m pytest -q -n 2 --dist=loadfile --durations=15 -m "$1" ${pytest_arguments[@]+"${pytest_arguments[@]}"}
}

slow_tests() {
    local code=0
    tests "slow" || code=$?
    # 5 means that nothing is marked slow among what was asked for, which is no failure.
    [[ $code -eq 0 || $code -eq 5 ]]
}

typed=(autogan_tf)
if compgen -G 'tools/*.py' >/dev/null; then typed+=(tools); fi

check "ruff" "$VENV_PYTHON" -m ruff check .
check "mypy" "$VENV_PYTHON" -m mypy "${typed[@]}"
check "tests that are not slow" tests "not slow"
if [[ -z "$fast" ]]; then check "slow tests" slow_tests; fi

# Nothing is printed after success, so that pytest's own summary is the last line.
if [[ ${#failed[@]} -gt 0 ]]; then
    printf '\nFAILED: %s\n' "$(IFS=';'; echo "${failed[*]}")" >&2
    exit 1
fi
