#!/bin/sh
# Submits a sweep to Slurm as a job array, and a job that joins its shares when all are done.
set -eu

if [ $# -lt 3 ]; then
    echo "usage: submit.sh SWEEP OUT.h5 SHARES [SBATCH OPTION]..." >&2
    exit 2
fi
sweep=$1 out=$2 shares=$3
shift 3
here=$(dirname "$0")

# --parsable prints the job's number, and on some sites ';' and the cluster's name.
array=$(sbatch --parsable "$@" --array="1-$shares" "$here/sweep.sbatch" "$sweep" "$out" "$shares")
array=${array%%;*}
merge=$(sbatch --parsable "$@" --cpus-per-task=1 --dependency="afterok:$array" \
    --kill-on-invalid-dep=yes "$here/merge.sbatch" "$out" "$shares")
echo "shares: job $array, tasks 1 to $shares; $out: job ${merge%%;*}"
