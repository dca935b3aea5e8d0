# compile.sh - how a build directory is configured; sourced after lib.sh.

# configure DIR MESON-ARGUMENTS...: makes DIR ready for ninja. It is configured once, and anew when the arguments change;
# ninja itself follows changes of the meson files. ONNX Runtime from CACHE is found before the system's.
configure()
{
	dir=$1
	shift
	wanted="$* ${CC:-cc} $CACHE"
	if [ ! -f "$dir/build.ninja" ] || [ "$(cat "$dir/.configured" 2>/dev/null)" != "$wanted" ]; then
		rm -rf "$dir"
		PKG_CONFIG_PATH="$CACHE/ort/lib/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}" \
			meson setup -Dwerror=true "$@" "$dir" "$ROOT" >"$dir.log" 2>&1 ||
			{ tail -n 5 "$dir.log" >&2; die "meson could not configure $dir; all it said is in $dir.log"; }
		rm "$dir.log"
		printf '%s\n' "$wanted" >"$dir/.configured"
	fi
}
