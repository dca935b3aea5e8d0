/*
 * child.c - a child process from start to end, on a worker thread of its own. See child.h.
 *
 * A thread a child, as many threads as children may run: so the pool's queue is the line in which the others wait, and the code that feeds and
 * drains a child is a plain blocking loop. A fiber that is cancelled rings `stop`, and the thread kills the child.
 */
#include "rt/child.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "rt/child_spawn.h"
#include "rt/pool.h"

enum { LINE_MAX_CHILDREN = 1024, COMPLAINT_MAX = 500, CHUNK = 64 * 1024 };

enum child_end { CHILD_RUNS, CHILD_EXITED, CHILD_NOT_STARTED, CHILD_TIMED_OUT, CHILD_STOPPED, CHILD_TALKED_TOO_MUCH };

struct child_job {
	const struct child_spec *spec;
	struct child_process process;
	struct str input;        /* not yet written */
	struct buf output;
	char complaint[COMPLAINT_MAX];
	size_t complaint_len;
	int64_t deadline_us;
	int stop;                /* an eventfd: rung when nobody wants the output any more */
	enum child_end end;
	int status;              /* of waitpid, or the errno of a failed start */
};

static struct pool *child_pool; /* lives as long as the process: children die with the thread that started them */
static pthread_once_t child_pool_once = PTHREAD_ONCE_INIT;

unsigned
child_limit(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	return cores > 2 ? (unsigned)cores : 2;
}

static void
open_child_pool(void)
{
	child_pool = pool_new("child", child_limit(), LINE_MAX_CHILDREN);
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* A child that does not want its input is no error. */
static void
feed(struct child_job *job)
{
	while (job->input.len > 0) {
		ssize_t n = write(job->process.input, job->input.ptr, job->input.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			break;
		job->input = str_slice(job->input, (size_t)n, job->input.len);
	}
	close_fd(&job->process.input);
}

/* Takes what there is. */
static void
drain_output(struct child_job *job)
{
	for (;;) {
		size_t left = job->spec->output_max - job->output.len;
		char *room = buf_reserve(&job->output, left < CHUNK ? left + 1 : CHUNK); /* one more than allowed, to see that it is too much */
		ssize_t n = room ? read(job->process.output, room, left < CHUNK ? left + 1 : CHUNK) : 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n > 0)
			job->output.len += (size_t)n;
		if (!room || job->output.len > job->spec->output_max)
			job->end = CHILD_TALKED_TOO_MUCH;
		if (n <= 0 || job->end != CHILD_RUNS) {
			close_fd(&job->process.output);
			return;
		}
	}
}

/* Keeps the beginning, reads the rest away so that the child does not stand still. */
static void
drain_complaints(struct child_job *job)
{
	char chunk[4096];

	for (;;) {
		ssize_t n = read(job->process.complaints, chunk, sizeof(chunk));
		size_t room = COMPLAINT_MAX - job->complaint_len;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			close_fd(&job->process.complaints);
			return;
		}
		if ((size_t)n < room)
			room = (size_t)n;
		memcpy(job->complaint + job->complaint_len, chunk, room);
		job->complaint_len += room;
	}
}

/* Waits for the next thing to happen; the job's end is set when the child is to end or has ended. */
static void
tend(struct child_job *job)
{
	enum { INPUT, OUTPUT, COMPLAINTS, EXITED, STOP, COUNT_OF_FDS };
	struct pollfd fds[COUNT_OF_FDS] = {
		[INPUT] = { .fd = job->process.input, .events = POLLOUT },
		[OUTPUT] = { .fd = job->process.output, .events = POLLIN },
		[COMPLAINTS] = { .fd = job->process.complaints, .events = POLLIN },
		[EXITED] = { .fd = job->process.exited, .events = POLLIN },
		[STOP] = { .fd = job->stop, .events = POLLIN },
	};
	int64_t left_us = job->deadline_us - clock_mono_us();
	int64_t left_ms = left_us > 0 ? (left_us + USEC_PER_MS - 1) / USEC_PER_MS : 0;

	if (left_us <= 0) {
		job->end = CHILD_TIMED_OUT;
		return;
	}
	if (poll(fds, COUNT_OF_FDS, left_ms < INT32_MAX ? (int)left_ms : INT32_MAX) <= 0)
		return; /* the time is looked at again */
	if (fds[INPUT].revents)
		feed(job);
	if (fds[OUTPUT].revents)
		drain_output(job);
	if (fds[COMPLAINTS].revents)
		drain_complaints(job);
	if (job->end == CHILD_RUNS && fds[STOP].revents)
		job->end = CHILD_STOPPED;
	if (job->end == CHILD_RUNS && fds[EXITED].revents)
		job->end = CHILD_EXITED;
}

/* The leader is not waited for until its group is killed: so its number cannot be another's by then. */
static void
reap(struct child_job *job)
{
	kill(-job->process.pid, SIGKILL);
	while (waitpid(job->process.pid, &job->status, 0) < 0 && errno == EINTR)
		;
	if (job->end == CHILD_EXITED && job->process.output >= 0) {
		job->end = CHILD_RUNS; /* what it had written before it ended may be too much still */
		drain_output(job);
		if (job->end == CHILD_RUNS)
			job->end = CHILD_EXITED;
	}
	if (job->process.complaints >= 0)
		drain_complaints(job);
	close_fd(&job->process.input);
	close_fd(&job->process.output);
	close_fd(&job->process.complaints);
	close_fd(&job->process.exited);
}

static void
child_thread(void *arg)
{
	struct child_job *job = arg;
	const struct child_spec *spec = job->spec;

	job->deadline_us = clock_mono_us() + spec->timeout_us;
	job->status = child_spawn(spec->argv, spec->cpu_max_us ? spec->cpu_max_us : spec->timeout_us, spec->memory_max, &job->process);
	if (job->status) {
		job->end = CHILD_NOT_STARTED;
		return;
	}
	while (job->end == CHILD_RUNS)
		tend(job);
	reap(job);
}

static void
child_stop(void *arg)
{
	struct child_job *job = arg;

	eventfd_write(job->stop, 1);
}

static struct str
first_line(const struct child_job *job)
{
	struct str text = str_trim(str_n(job->complaint, job->complaint_len)), line = STR_EMPTY;

	str_split(&text, '\n', &line);
	return line;
}

static const struct err *
exit_error(const struct child_job *job, struct arena *arena)
{
	const char *name = job->spec->argv[0];
	struct str line = first_line(job);

	if (WIFSIGNALED(job->status) && WTERMSIG(job->status) == SIGXCPU)
		return err_new(arena, ERR_TIMEOUT, "%s used more CPU time than it may", name);
	if (WIFSIGNALED(job->status))
		return err_new(arena, ERR_INVALID, "%s was ended by signal %d%s%" STR_F, name, WTERMSIG(job->status), line.len ? ": " : "", STR_A(line));
	if (WEXITSTATUS(job->status) != 0)
		return err_detail(arena, err_new(arena, ERR_INVALID, "%s ended with code %d%s%" STR_F, name, WEXITSTATUS(job->status), line.len ? ": " : "", STR_A(line)),
			"%" STR_F, STR_A(line));
	return NULL;
}

static const struct err *
job_error(const struct child_job *job, struct arena *arena)
{
	const char *name = job->spec->argv[0];

	switch (job->end) {
	case CHILD_EXITED:
		return exit_error(job, arena);
	case CHILD_NOT_STARTED:
		if (job->status == ENOENT || job->status == EACCES)
			return err_new(arena, ERR_UNSUPPORTED, "the program %s is not installed", name);
		return err_detail(arena, &err_internal, "starting %s: errno %d", name, job->status);
	case CHILD_TIMED_OUT:
		return err_new(arena, ERR_TIMEOUT, "%s took longer than %lld ms", name, (long long)(job->spec->timeout_us / USEC_PER_MS));
	case CHILD_TALKED_TOO_MUCH:
		return err_new(arena, ERR_TOO_LARGE, "%s gave more than %zu bytes", name, job->spec->output_max);
	case CHILD_STOPPED:
	case CHILD_RUNS:
		break;
	}
	return scope_check();
}

const struct err *
child_run(const struct child_spec *spec, struct arena *arena, struct str *output)
{
	struct child_job job = { .spec = spec, .input = spec->input, .stop = eventfd(0, EFD_CLOEXEC) };
	const struct err *err;

	*output = STR_EMPTY;
	if (job.stop < 0)
		return err_detail(arena, &err_internal, "eventfd: errno %d", errno);
	pthread_once(&child_pool_once, open_child_pool);
	buf_init(&job.output, NULL, spec->output_max + 1);
	err = offload_cancellable(child_pool, child_thread, child_stop, &job);
	if (!err)
		err = job_error(&job, arena);
	if (!err) {
		*output = arena_dup(arena, buf_str(&job.output));
		err = output->ptr ? NULL : &err_no_memory;
	}
	buf_fini(&job.output);
	close(job.stop);
	return err;
}
