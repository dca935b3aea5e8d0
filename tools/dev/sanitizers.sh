# sanitizers.sh - builds under sanitizers: build-asan (AddressSanitizer with UndefinedBehaviorSanitizer) and build-tsan
# (ThreadSanitizer). Sourced, after lib.sh and compile.sh; what a sanitizer finds ends the program that did it.
#
# Warnings are no errors here: instrumented code makes gcc see uninitialized values where there are none, and the
# ordinary builds judge warnings.

export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:detect_stack_use_after_return=0:${ASAN_OPTIONS:-}
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1:${UBSAN_OPTIONS:-}
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:suppressions=$ROOT/tests/sanitize/tsan.supp:${TSAN_OPTIONS:-}

sanitizers_of()
{
	case $1 in
	asan) echo address,undefined ;;
	tsan) echo thread ;;
	*) die "no such sanitizer build: $1 (asan, tsan)" ;;
	esac
}

# build_sanitized NAME NINJA-TARGETS...: builds build-NAME.
build_sanitized()
{
	sanitized=$ROOT/build-$1
	configure "$sanitized" -Dwerror=false -Doptimization=1 -Db_sanitize="$(sanitizers_of "$1")" -Db_lundef=false
	shift
	quietly ninja -C "$sanitized" "$@"
}
