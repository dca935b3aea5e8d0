/*
 * child_spawn.c - starting a program in a small box. See child_spawn.h.
 *
 * vfork and not posix_spawn, which knows no limits and no prctl; and not fork, which copies the page tables of a large server and stops its
 * threads from mapping memory meanwhile. Until it calls execve the child borrows this thread's stack and memory, while this thread stands
 * still: so everything it needs is made ready before, and it does system calls only. Signals are blocked around it, so that no handler runs
 * in the child on the parent's memory.
 */
#include "rt/child_spawn.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

enum { OPEN_FILES_MAX = 64, PIPES = 3, PATH_SETTING_MAX = 2048 };

static const char default_path[] = "/usr/local/bin:/usr/bin:/bin";

struct box {
	const char *program;
	char *const *argv;
	char *const *env;
	int pipes[PIPES][2]; /* read end, write end */
	pid_t parent;
	rlim_t cpu_s, memory;
};

static bool
limit(int what, rlim_t soft, rlim_t hard)
{
	return setrlimit(what, &(struct rlimit){ soft, hard }) == 0;
}

/* ThreadSanitizer's runtime begins by writing a file: a child that is built with it could not even start. */
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define FILE_BYTES_MAX RLIM_INFINITY
#endif
#endif
#ifdef __SANITIZE_THREAD__
#define FILE_BYTES_MAX RLIM_INFINITY
#endif
#ifndef FILE_BYTES_MAX
#define FILE_BYTES_MAX 0
#endif

static bool
box_limits(const struct box *box)
{
	return limit(RLIMIT_CORE, 0, 0) && limit(RLIMIT_FSIZE, FILE_BYTES_MAX, FILE_BYTES_MAX) && limit(RLIMIT_NOFILE, OPEN_FILES_MAX, OPEN_FILES_MAX) &&
		limit(RLIMIT_CPU, box->cpu_s, box->cpu_s + 1) && (box->memory == 0 || limit(RLIMIT_AS, box->memory, box->memory));
}

/* In the child: system calls only, and none that changes memory but errno. */
static int
box_enter(const struct box *box)
{
	sigset_t none;

	if (setpgid(0, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		return errno;
	if (getppid() != box->parent)
		return ESRCH; /* the parent died before it could be noticed */
	if (dup2(box->pipes[0][0], 0) < 0 || dup2(box->pipes[1][1], 1) < 0 || dup2(box->pipes[2][1], 2) < 0 || close_range(3, ~0U, 0) != 0)
		return errno;
	if (!box_limits(box))
		return errno;
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL); /* fails for the few that nobody may set */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(box->program, box->argv, box->env);
	return errno;
}

/* A function of its own: the child shares this frame. */
static __attribute__((noinline)) pid_t
box_start(const struct box *box, volatile int *error)
{
	pid_t pid = vfork();

	if (pid == 0) {
		*error = box_enter(box);
		_exit(127);
	}
	if (pid < 0)
		*error = errno;
	return pid;
}

static bool
find_program(const char *name, const char *path, char out[PATH_MAX])
{
	struct str rest = str_of(path), folder;

	if (strchr(name, '/'))
		return snprintf(out, PATH_MAX, "%s", name) < PATH_MAX && access(out, X_OK) == 0;
	while (str_split(&rest, ':', &folder))
		if (folder.len > 0 && snprintf(out, PATH_MAX, "%" STR_F "/%s", STR_A(folder), name) < PATH_MAX && access(out, X_OK) == 0)
			return true;
	return false;
}

static void
close_pipes(int pipes[PIPES][2])
{
	for (int i = 0; i < PIPES; i++)
		for (int end = 0; end < 2; end++)
			if (pipes[i][end] >= 0)
				close(pipes[i][end]);
}

static int
open_pipes(int pipes[PIPES][2])
{
	for (int i = 0; i < PIPES; i++) {
		int ours = i == 0 ? 1 : 0;

		if (pipe2(pipes[i], O_CLOEXEC) != 0)
			return errno;
		assert(pipes[i][0] > STDERR_FILENO); /* runtime_new sees to it */
		if (fcntl(pipes[i][ours], F_SETFL, O_NONBLOCK) != 0)
			return errno;
	}
	return 0;
}

static int
start_blocked(const struct box *box, struct child_process *out)
{
	sigset_t all, before;
	volatile int error = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	out->pid = box_start(box, &error);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (out->pid < 0)
		return error;
	out->exited = error ? -1 : pidfd_open(out->pid, 0);
	if (out->exited >= 0)
		return 0;
	if (!error)
		error = errno;
	kill(-out->pid, SIGKILL);
	kill(out->pid, SIGKILL);
	while (waitpid(out->pid, NULL, 0) < 0 && errno == EINTR)
		;
	return error;
}

int
child_spawn(const char *const *argv, int64_t cpu_max_us, size_t memory_max, struct child_process *out)
{
	const char *path = getenv("PATH") ? getenv("PATH") : default_path;
	struct box box = { .pipes = { { -1, -1 }, { -1, -1 }, { -1, -1 } }, .parent = getpid(), .memory = memory_max };
	char program[PATH_MAX], path_setting[PATH_SETTING_MAX];
	char *env[] = { path_setting, (char[]){ "LANG=C.UTF-8" }, NULL };
	int error;

	if (!find_program(argv[0], path, program))
		return ENOENT;
	if ((size_t)snprintf(path_setting, sizeof(path_setting), "PATH=%s", path) >= sizeof(path_setting))
		return ENAMETOOLONG;
	box.program = program;
	box.argv = (char *const *)(uintptr_t)argv; /* execve's const is an old mistake */
	box.env = env;
	box.cpu_s = (rlim_t)((cpu_max_us + USEC_PER_SEC - 1) / USEC_PER_SEC);
	error = open_pipes(box.pipes);
	if (!error)
		error = start_blocked(&box, out);
	if (error) {
		close_pipes(box.pipes);
		return error;
	}
	out->input = box.pipes[0][1];
	out->output = box.pipes[1][0];
	out->complaints = box.pipes[2][0];
	close(box.pipes[0][0]);
	close(box.pipes[1][1]);
	close(box.pipes[2][1]);
	return 0;
}
