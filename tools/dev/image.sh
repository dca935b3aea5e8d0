#!/bin/sh
# image.sh - what an image of corbel holds beside Debian, laid out below DIR.
#
#	tools/dev/image.sh DIR
#
# The stripped binary, ONNX Runtime, the embedding model and the vocabularies of tokenizers (as CACHE keeps them), and the names of the Debian
# packages whose libraries the binary loads, for `setup.sh run` in the image.
set -eu

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"
. "$ROOT/tools/dev/compile.sh"

# The packages that own the libraries which BINARY loads. dpkg may know a file of /usr/lib by its older name in /lib.
library_packages()
{
	ldd "$1" | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | while read -r library; do
		file=$(realpath "$library")
		dpkg-query -S "$file" 2>/dev/null || dpkg-query -S "${file#/usr}"
	done | sed 's/:.*//' | sort -u
}

[ $# -eq 1 ] || die "usage: image.sh DIR"
"$ROOT/tools/dev/setup.sh" build model
release "$ROOT/build-release" corbel

mkdir -p "$1/usr/local/bin" "$1/usr/lib/corbel"
cp "$ROOT/build-release/corbel" "$1/usr/local/bin/corbel"
strip "$1/usr/local/bin/corbel"
[ ! -d "$CACHE/ort" ] || cp -a "$CACHE/ort" "$1/usr/lib/corbel/ort"
cp -a "$CACHE/models" "$1/usr/lib/corbel/models"
rm "$1"/usr/lib/corbel/models/*/model-fp32.onnx
cp -a "$CACHE/tokenizers" "$1/usr/lib/corbel/tokenizers"
library_packages "$1/usr/local/bin/corbel" >"$1/usr/lib/corbel/packages"
