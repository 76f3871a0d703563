#!/bin/sh
# Tries what times kernels and collectives and what serves, in a few minutes, on one GPU or two: what
# it writes goes under $OUT.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${OUT:-measured}
python=${PYTHON:-python3}
gpus=$("$python" -c 'import torch; print(torch.cuda.device_count())')
mkdir -p "$out"

"$python" "$here/ops.py" --quick --models 8b --tp 1 2 --out "$out/kernels.csv"
"$python" "$here/suite.py" --quick --out "$out/suite.json"
"$python" "$here/serve.py" --suite "$out/suite.json" --out "$out/8b_tp1_pp1"
if [ "$gpus" -ge 2 ]; then
    "$python" "$here/comm.py" --quick --ranks 2 --out "$out/collectives.csv"
    "$python" "$here/serve.py" --tp 2 --suite "$out/suite.json" --out "$out/8b_tp2_pp1"
    "$python" "$here/serve.py" --pp 2 --suite "$out/suite.json" --out "$out/8b_tp1_pp2"
fi
ls -l "$out"
