# onnxruntime.sh - ONNX Runtime for C, which runs the embedding model.
#
# Debian 13 has it. Debian 12 gets the shared library out of the Python wheel, which is built for old systems, and the
# C header from Debian 13; they land in CACHE/ort with a pkg-config file, so that the build finds either the same way.
# The library must be at least as new as the header: API versions only grow.

ORT_VERSION=1.23.2
ORT_RECIPE=$ROOT/tools/dev/setup/onnxruntime.sh

what() { echo "ONNX Runtime $ORT_VERSION, from its Python wheel, into $CACHE/ort"; }

check()
{
	[ "$(debian_version)" -ge 13 ] ||
		{ [ -e "$CACHE/ort/lib/libonnxruntime.so.1" ] && made_by "$CACHE/ort" "$ORT_RECIPE"; }
}

provide()
{
	scratch
	newer_suite trixie deb "$SCRATCH"
	newer "$SCRATCH" download libonnxruntime-dev
	dpkg-deb -x "$SCRATCH"/libonnxruntime-dev_*.deb "$SCRATCH/header"
	venv "$SCRATCH/venv"
	"$SCRATCH/venv/bin/pip" -q --disable-pip-version-check download --no-deps --only-binary :all: \
		-d "$SCRATCH" "onnxruntime==$ORT_VERSION"
	"$SCRATCH/venv/bin/python" -m zipfile -e "$SCRATCH"/onnxruntime-*.whl "$SCRATCH/wheel"

	mkdir -p "$SCRATCH/ort/lib/pkgconfig" "$SCRATCH/ort/include" "$SCRATCH/ort/licenses"
	cp "$SCRATCH/header/usr/include/onnxruntime/onnxruntime_c_api.h" "$SCRATCH/ort/include/"
	cp "$SCRATCH/wheel/onnxruntime/LICENSE" "$SCRATCH/wheel/onnxruntime/ThirdPartyNotices.txt" "$SCRATCH/ort/licenses/"
	cp "$SCRATCH/wheel/onnxruntime/capi/libonnxruntime.so.$ORT_VERSION" "$SCRATCH/ort/lib/"
	ln -s "libonnxruntime.so.$ORT_VERSION" "$SCRATCH/ort/lib/libonnxruntime.so.1"
	ln -s libonnxruntime.so.1 "$SCRATCH/ort/lib/libonnxruntime.so"
	cat >"$SCRATCH/ort/lib/pkgconfig/libonnxruntime.pc" <<-EOT
		prefix=\${pcfiledir}/../..
		Name: onnxruntime
		Description: ONNX Runtime
		Version: $ORT_VERSION
		Libs: -L\${prefix}/lib -lonnxruntime
		Cflags: -I\${prefix}/include
	EOT
	sign "$SCRATCH/ort" "$ORT_RECIPE"
	place "$SCRATCH/ort" "$CACHE/ort"
}
