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

# sources: a word that changes with anything a build is made of.
sources()
{
	find "$ROOT/src" "$ROOT/tests/mock" "$ROOT/tests/perf/train.py" "$ROOT/meson.build" "$ROOT/tools/dev/compile.sh" -type f -exec sha256sum {} + | LC_ALL=C sort | sha256sum
}

# release DIR TARGETS...: what of the build is measured and shipped, optimized over all files at once and by what a run counted: an instrumented build serves
# the load of tests/perf/train.py, then all is compiled anew. Done again when a source has changed, for counts of other code would mislead.
release()
{
	dir=$1
	shift
	now=$(sources)
	if [ "$(cat "$dir/.trained" 2>/dev/null)" != "$now" ]; then
		say "compiling a release: instrumented, trained, and once more"
		rm -rf "$dir"
		configure "$dir" -Dbuildtype=release -Ddebug=true -Db_lto=true -Db_pgo=generate \
			"-Dc_args=-fprofile-update=prefer-atomic -fprofile-partial-training -fconserve-stack -Wno-missing-profile"
		ninja -C "$dir" --quiet corbel tests/mock/mock-upstream tests/mock/load-gen
		CORBEL_BUILD="$dir" python3 "$ROOT/tests/perf/train.py" || die "the instrumented build did not serve its load"
		meson configure "$dir" -Db_pgo=use
		printf '%s\n' "$now" >"$dir/.trained"
	fi
	ninja -C "$dir" --quiet "$@"
}
