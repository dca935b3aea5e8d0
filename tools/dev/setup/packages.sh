# packages.sh - the Debian packages that each group of needs asks for.
#
# One function a group, named packages_GROUP, prints names. Only what something in the tree uses stands here; what
# another package of the list brings anyway is left out, except where Debian merely recommends it.

packages_build()
{
	# the compiler and the build
	echo gcc libc6-dev meson ninja-build pkg-config
	# the libraries, in the order of the rooms that own them
	echo libssl-dev zlib1g-dev libzstd-dev libzip-dev libutf8proc-dev libuv1-dev libboost-context-dev
	echo libcurl4-openssl-dev libsqlite3-dev libpq-dev libfyaml-dev libcmark-gfm-dev libcmark-gfm-extensions-dev libgumbo-dev libexpat1-dev
	# pdftotext is run, not linked; unit tests are built with everything else
	echo poppler-utils libcmocka-dev
	if [ "$(debian_version)" -ge 13 ]; then
		echo libyyjson-dev libllhttp-dev libonnxruntime-dev
	else
		echo python3-venv # its pip brings ONNX Runtime
	fi
	# certificate authorities: without them no model provider can be verified
	echo ca-certificates
}

# What an image needs that runs corbel and does not compile it: image.sh wrote down the libraries; yyjson and llhttp among
# them come by their own step.
packages_run()
{
	grep -vE '^lib(yyjson|llhttp)' "$CACHE/packages"
	echo poppler-utils ca-certificates curl
}

packages_model() { echo python3-venv; }

packages_up() { echo curl; }

packages_corpus() { echo postgresql-doc; }

# Sanitizers and fuzzers need clang's runtime, which the compiler only recommends.
packages_clang()
{
	echo clang "libclang-rt-$(major_of clang)-dev" llvm
}

packages_lint() { echo clang-tidy clang-format shellcheck; }

packages_test()
{
	echo postgresql nginx-light python3-venv curl chromium
	if [ "$(debian_version)" -ge 13 ]; then
		echo "postgresql-$(major_of postgresql)-pgvector"
	else
		echo "postgresql-server-dev-$(major_of postgresql)" make dpkg-dev
	fi
	command -v npm >/dev/null 2>&1 || echo nodejs npm
}

packages_bench() { echo wrk nginx-light haproxy valgrind strace; }

# major_of postgresql|clang: the version that this Debian brings, which stands in the names of other packages. Known
# releases are written down, because asking apt takes seconds where an image keeps no package cache.
major_of()
{
	case $(debian_version)/$1 in
	12/postgresql) echo 15 ;;
	12/clang) echo 14 ;;
	13/postgresql) echo 17 ;;
	13/clang) echo 19 ;;
	*) apt-cache depends "$1" | sed -n "s/^ *Depends: $1-\\([0-9][0-9]*\\)\$/\\1/p" | head -n 1 ;;
	esac
}
