#!/usr/bin/env bash
# Makes the wheel around a program that was built already, installs it into an environment of its own and runs it:
#   packaging/pypi/check.sh target/ci/driftline
# Needs maturin (`pip install maturin==1.16.0`). maturin has cargo build the program and packs what cargo names;
# here a stand-in for cargo names the one that is there, stripped as the wheel's is.
set -euo pipefail
program=$(realpath "$1")
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
strip -o "$work/driftline" "$program"
DRIFTLINE_CARGO=$(command -v cargo)
PROGRAM=$work/driftline
export DRIFTLINE_CARGO PROGRAM
mkdir "$work/bin"
cat >"$work/bin/cargo" <<'STAND_IN'
#!/usr/bin/env python3
import json, os, subprocess, sys

cargo = os.environ["DRIFTLINE_CARGO"]
if sys.argv[1] != "rustc":
    sys.exit(subprocess.run([cargo, *sys.argv[1:]]).returncode)
manifest = sys.argv[sys.argv.index("--manifest-path") + 1]
told = subprocess.run(
    [cargo, "metadata", "--format-version", "1", "--no-deps", "--locked", "--manifest-path", manifest],
    check=True, capture_output=True,
)
package = next(one for one in json.loads(told.stdout)["packages"] if one["manifest_path"] == manifest)
target = next(one for one in package["targets"] if one["kind"] == ["bin"])
program = os.environ["PROGRAM"]
print(json.dumps({
    "reason": "compiler-artifact", "package_id": package["id"], "manifest_path": manifest, "target": target,
    "profile": {"opt_level": "3", "debuginfo": 0, "debug_assertions": False, "overflow_checks": False, "test": False},
    "features": [], "filenames": [program], "executable": program, "fresh": True,
}))
STAND_IN
chmod +x "$work/bin/cargo"
PATH=$work/bin:$PATH maturin build --compatibility linux --out "$work/wheels"
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --no-index "$work"/wheels/driftline-*.whl
installed=$(cd "$work" && venv/bin/driftline --version)
wanted=$("$program" --version)
[ "$installed" = "$wanted" ] || { echo "the wheel's program says \`$installed\`, not \`$wanted\`"; exit 1; }
"$work/venv/bin/python" -c 'import importlib.metadata as m; print("the wheel of", m.metadata("driftline")["Name"], m.version("driftline"), "runs")'
