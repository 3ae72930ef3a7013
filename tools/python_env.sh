# shellcheck shell=bash
# Sourced by the scripts beside it: finds a Python that runs and fits, and keeps a virtual environment with the packages.
# Sourcing only defines functions; prepare_python_env does the work. Two variables of the environment change what it does:
#   PYTHON=/path/to/python3.12   is taken instead of the first Python that fits
#   VENV=.venv-3.12              the folder of the environment, in the checkout, instead of .venv

PYTHON_ORDER=(3.11 3.12 3.10 3.13)

# Runs a Python to see whether it is one of these versions and can make a virtual environment. The name alone proves
# nothing: a version manager's launcher may be on the path without a version behind it.
python_fits() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit("%d.%d" % sys.version_info[:2] not in sys.argv[1:])' \
        "${PYTHON_ORDER[@]}" </dev/null >/dev/null 2>&1
}

python_version() {
    "$1" -c 'import platform; print(platform.python_version())' </dev/null 2>/dev/null
}

python_minor() {
    local version
    version="$(python_version "$1")"
    printf '%s\n' "${version%.*}"
}

# Prints the first Python that fits, and on a second line why it is taken; returns 1 where none fits.
find_python() {
    local name version candidate
    if [[ -n "${PYTHON:-}" ]] && python_fits "$PYTHON"; then
        printf '%s\n%s\n' "$PYTHON" "named by the variable PYTHON"
        return 0
    fi
    for name in "${PYTHON_ORDER[@]/#/python}" python3 python; do
        # Every place on the path, since a dead launcher may hide a good Python behind it.
        while IFS= read -r candidate; do
            if python_fits "$candidate"; then
                printf '%s\n%s\n' "$candidate" \
                    "the first on the PATH that works, in the order ${PYTHON_ORDER[*]}; PYTHON=... names another"
                return 0
            fi
        done < <(type -aP "$name")
    done
    for version in "${PYTHON_ORDER[@]}"; do
        for candidate in "${PYENV_ROOT:-${HOME:-}/.pyenv}/versions/$version".*/bin/python; do
            if [[ -x "$candidate" ]] && python_fits "$candidate"; then
                printf '%s\n%s\n' "$candidate" "pyenv's, as none on the PATH works; PYTHON=... names another"
                return 0
            fi
        done
    done
    return 1
}

# Makes the folder $1 anew as a virtual environment; says in one line with which Python and why.
make_venv() {
    local venv="$1" found base why
    if found="$(find_python)"; then
        { read -r base; read -r why; } <<<"$found"
        printf 'Making the virtual environment %s with %s (Python %s: %s)\n' \
            "${venv##*/}" "$base" "$(python_version "$base")" "$why"
        "$base" -m venv --clear "$venv"
    elif type -P uv >/dev/null; then
        printf 'Making the virtual environment %s with uv, which fetches Python %s (none of %s works here)\n' \
            "${venv##*/}" "${PYTHON_ORDER[0]}" "${PYTHON_ORDER[*]}"
        uv venv --quiet --clear --seed --python "${PYTHON_ORDER[0]}" "$venv"
    else
        printf '%s\n' "No usable Python: version 3.10, 3.11, 3.12 or 3.13 with its venv module is needed (the TensorFlow here has no other). Install one (Debian and Ubuntu: apt install python3 python3-venv; macOS: brew install python@3.12), or uv, which fetches one by itself (https://docs.astral.sh/uv), and run this again; or name one: PYTHON=/path/to/python3.11" >&2
        return 1
    fi
}

# prepare_python_env ROOT: makes ROOT/.venv where it is missing, broken or of another version than the variable PYTHON,
# installs requirements.txt where it changed since the last complete installation, and sets VENV_PYTHON. Can be
# interrupted and repeated.
prepare_python_env() {
    local root="$1" venv="$1/${VENV:-.venv}" wanted stamp log started
    VENV_PYTHON="$venv/bin/python"
    stamp="$venv/requirements.sha256"
    log="$venv/install.log"
    export TF_CPP_MIN_LOG_LEVEL="${TF_CPP_MIN_LOG_LEVEL:-3}"

    if [[ -n "${PYTHON:-}" ]] && ! python_fits "$PYTHON"; then
        printf 'PYTHON=%s is not taken: it does not run, is none of %s, or lacks the venv module\n' \
            "$PYTHON" "${PYTHON_ORDER[*]}" >&2
        PYTHON=""
    fi
    if ! { [[ -x "$VENV_PYTHON" ]] && python_fits "$VENV_PYTHON" && "$VENV_PYTHON" -c 'import pip' 2>/dev/null; }; then
        make_venv "$venv" || return 1
    elif [[ -n "${PYTHON:-}" && "$(python_minor "$PYTHON")" != "$(python_minor "$VENV_PYTHON")" ]]; then
        make_venv "$venv" || return 1
    else
        printf 'Python %s of %s\n' "$(python_version "$VENV_PYTHON")" "${venv##*/}"
    fi

    wanted="$("$VENV_PYTHON" -c \
        'import hashlib, sys; print(sys.version_info[:2], hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' \
        "$root/requirements.txt")" || return 1
    if [[ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]]; then
        printf 'Installing the packages of requirements.txt into %s (once; 2 to 3 GB, some minutes) ...\n' "${venv##*/}"
        started=$SECONDS
        rm -f "$stamp"
        if ! "$VENV_PYTHON" -m pip install --disable-pip-version-check -r "$root/requirements.txt" >"$log" 2>&1; then
            tail -n 15 "$log" >&2
            printf 'The installation failed; all of its output is in %s. Run the command again to go on.\n' "$log" >&2
            return 1
        fi
        printf '%s\n' "$wanted" >"$stamp"
        printf 'Installed in %d s.\n' "$((SECONDS - started))"
    fi
}
