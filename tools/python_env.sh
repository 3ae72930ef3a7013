# shellcheck shell=bash
# Sourced by the scripts beside it: finds a Python that runs and fits, and keeps the virtual environment .venv.
# Sourcing only defines functions; prepare_python_env does the work.

# Runs a Python to see whether it is 3.10 to 3.13 and can make a virtual environment. The name alone proves nothing:
# a version manager's launcher may be on the path without a version behind it.
python_fits() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' \
        </dev/null >/dev/null 2>&1
}

# Prints the first Python that fits, or says on one line which is needed and returns 1.
find_python() {
    local name candidate
    if [[ -n "${PYTHON:-}" ]] && python_fits "$PYTHON"; then
        printf '%s\n' "$PYTHON"
        return 0
    fi
    for name in python3.11 python3.12 python3.10 python3.13 python3 python; do
        # Every place on the path, since a dead launcher may hide a good Python behind it.
        while IFS= read -r candidate; do
            if python_fits "$candidate"; then
                printf '%s\n' "$candidate"
                return 0
            fi
        done < <(type -aP "$name")
    done
    for candidate in "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.1[1203].*/bin/python; do
        if [[ -x "$candidate" ]] && python_fits "$candidate"; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    printf '%s\n' "No usable Python: version 3.10, 3.11, 3.12 or 3.13 with the venv module is needed (the TensorFlow here has no other); install one, or name it: PYTHON=/path/to/python3.11" >&2
    return 1
}

# prepare_python_env ROOT: makes ROOT/.venv where it is missing or broken, installs requirements.txt where it changed
# since the last complete installation, and sets VENV_PYTHON. Can be interrupted and repeated.
prepare_python_env() {
    local root="$1" venv="$1/.venv" base wanted stamp log started
    VENV_PYTHON="$venv/bin/python"
    stamp="$venv/requirements.sha256"
    log="$venv/install.log"
    export TF_CPP_MIN_LOG_LEVEL="${TF_CPP_MIN_LOG_LEVEL:-3}"

    if ! { [[ -x "$VENV_PYTHON" ]] && python_fits "$VENV_PYTHON" && "$VENV_PYTHON" -c 'import pip' 2>/dev/null; }; then
        base="$(find_python)" || return 1
        printf 'Making the virtual environment .venv with %s\n' "$base"
        "$base" -m venv --clear "$venv" || return 1
    fi

    wanted="$("$VENV_PYTHON" -c \
        'import hashlib, sys; print(sys.version_info[:2], hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' \
        "$root/requirements.txt")" || return 1
    if [[ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]]; then
        printf 'Installing the packages of requirements.txt into .venv (once; about 2 GB, some minutes) ...\n'
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
