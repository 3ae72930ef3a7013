#!/usr/bin/env bash
# The main job from a bare checkout: sets up .venv, then searches on the 5,000 MNIST digits that a dependency carries.
# Arguments are flags of autogan_tf.search: bash tools/quickstart.sh --seed=1
# Can be repeated: each run gets a folder of its own, runs/quickstart, runs/quickstart-2, ...
set -euo pipefail

root="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
# shellcheck source=tools/python_env.sh
source "$root/tools/python_env.sh"
prepare_python_env "$root"

run_dir=""
only_looks=""
previous=""
for word in "$@"; do
    case "$word" in
        --run_dir=* | -run_dir=*) run_dir="${word#*=}" ;;
        --dry_run | --dry_run=true | --help | -h) only_looks=yes ;;
    esac
    case "$previous" in --run_dir | -run_dir) run_dir="$word" ;; esac
    previous="$word"
done

# The run happens in the caller's folder, so that paths in the arguments mean what they say.
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
command=("$VENV_PYTHON" -m autogan_tf.search "--flagfile=$root/configs/quickstart.flags")
if [[ -n "$run_dir" ]]; then
    "${command[@]}" "$@"
else
    run_dir="$root/runs/quickstart"
    number=2
    while [[ -e "$run_dir" ]]; do
        run_dir="$root/runs/quickstart-$number"
        number=$((number + 1))
    done
    "${command[@]}" "--run_dir=$run_dir" "$@"
fi
[[ -z "$only_looks" ]] || exit 0

printf '\nThe results are in %s\n' "$run_dir"
newest_grid=""
for grid in "$run_dir"/best/samples/*.png; do
    if [[ -f "$grid" && (-z "$newest_grid" || "$grid" -nt "$newest_grid") ]]; then newest_grid="$grid"; fi
done
[[ ! -f "$run_dir/report.html" ]] || printf '  report              %s\n' "$run_dir/report.html"
[[ -z "$newest_grid" ]] || printf '  sample grid         %s\n' "$newest_grid"
[[ ! -f "$run_dir/genotype.json" ]] || printf '  best architecture   %s\n' "$run_dir/genotype.json"
[[ ! -d "$run_dir/genotypes" ]] || printf '  all ranked          %s\n' "$run_dir/genotypes"
