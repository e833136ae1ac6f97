#!/usr/bin/env bash
# Write constraints.txt anew: the newest versions that fit pyproject.toml, as one fresh environment resolved them.
set -euo pipefail

cd "$(dirname "$0")/.."
venv=$(mktemp -d)
trap 'rm -rf "$venv"' EXIT
"${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/pip" install --quiet '.[dev,yara]'
{
    sed -n '/^#/p' constraints.txt
    "$venv/bin/pip" freeze | grep -vi '^kulla[ =@]' | LC_ALL=C sort -f
} >"$venv/constraints.txt"
cp "$venv/constraints.txt" constraints.txt
