/*
 * figures.c - see figures.h. Processes are read from /proc: the times of utime and stime, the clock tick of sysconf.
 */
#include "figures.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROCESSES_MAX = 4096 };

void
samples_add(struct samples *samples, int64_t ns)
{
	if (samples->count == samples->capacity) {
		samples->capacity = samples->capacity ? samples->capacity * 2 : 65536;
		samples->ns = realloc(samples->ns, samples->capacity * sizeof(*samples->ns));
		if (!samples->ns) {
			fprintf(stderr, "out of memory at %zu samples\n", samples->capacity);
			exit(1);
		}
	}
	samples->ns[samples->count++] = ns;
}

static int
ns_order(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

/* The smallest sample that at least this share of them does not exceed. */
static double
samples_percentile(const struct samples *samples, double share)
{
	double rank = share * (double)samples->count;
	size_t at = (size_t)rank;

	if ((double)at == rank && at > 0)
		at--;
	return (double)samples->ns[at < samples->count ? at : samples->count - 1] / 1000;
}

void
samples_write(struct samples *samples, struct bytes *out)
{
	static const struct {
		const char *name;
		double share;
	} rows[] = { { "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 }, { "p999", 0.999 }, { "max", 1 } };
	double sum = 0;

	if (samples->count == 0) {
		bytes_add(out, STR("null"));
		return;
	}
	qsort(samples->ns, samples->count, sizeof(*samples->ns), ns_order);
	for (size_t i = 0; i < samples->count; i++)
		sum += (double)samples->ns[i];
	bytes_fmt(out, "{\"count\":%zu,\"mean\":%.1f", samples->count, sum / 1000 / (double)samples->count);
	for (size_t i = 0; i < COUNT(rows); i++)
		bytes_fmt(out, ",\"%s\":%.1f", rows[i].name, samples_percentile(samples, rows[i].share));
	bytes_add(out, STR("}"));
}

void
samples_free(struct samples *samples)
{
	free(samples->ns);
	*samples = (struct samples){ 0 };
}

/* Reads a small file of /proc into `text`, terminated. */
static bool
proc_read(int pid, const char *name, char *text, size_t size)
{
	char path[64];
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	file = fopen(path, "r");
	if (!file)
		return false;
	len = fread(text, 1, size - 1, file);
	text[len] = 0;
	fclose(file);
	return len > 0;
}

/* The kilobytes of a line "NAME:   N kB". */
static long
proc_kb(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtol(at + strlen(name), NULL, 10) : 0;
}

struct process {
	int pid;
	int parent;
	double user_s;
	double system_s;
	bool inside; /* the tree that is asked for */
};

/* Fields of /proc/PID/stat count from 1; the name in the second may hold anything, so they are read from its last parenthesis on. */
static bool
process_read(int pid, struct process *out)
{
	char text[1024];
	long ticks = sysconf(_SC_CLK_TCK);
	unsigned long user, system_time;
	long dead_user, dead_system;
	const char *at;

	if (!proc_read(pid, "stat", text, sizeof(text)) || !(at = strrchr(text, ')')))
		return false;
	*out = (struct process){ .pid = pid };
	if (sscanf(at + 2, "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld", &out->parent, &user, &system_time, &dead_user,
		   &dead_system) != 5)
		return false;
	out->user_s = ((double)user + (double)dead_user) / (double)ticks;
	out->system_s = ((double)system_time + (double)dead_system) / (double)ticks;
	return true;
}

static void
usage_add(struct usage *usage, const struct process *process)
{
	char text[4096];

	usage->processes++;
	usage->user_s += process->user_s;
	usage->system_s += process->system_s;
	if (proc_read(process->pid, "status", text, sizeof(text)))
		usage->rss_kb += proc_kb(text, "VmRSS:");
	if (proc_read(process->pid, "smaps_rollup", text, sizeof(text)))
		usage->pss_kb += proc_kb(text, "\nPss:");
}

bool
usage_read(int pid, struct usage *out)
{
	static struct process all[PROCESSES_MAX];
	size_t count = 0;
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	bool grown = true;

	*out = (struct usage){ 0 };
	while (proc && count < PROCESSES_MAX && (entry = readdir(proc))) {
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && process_read(atoi(entry->d_name), &all[count]))
			count++;
	}
	if (proc)
		closedir(proc);
	/* Children may be listed before their parents, so look until nothing new is found. */
	while (grown) {
		grown = false;
		for (size_t i = 0; i < count; i++) {
			bool mine = all[i].pid == pid;

			for (size_t j = 0; j < count && !mine; j++)
				mine = all[j].inside && all[j].pid == all[i].parent;
			if (!mine || all[i].inside)
				continue;
			all[i].inside = grown = true;
			usage_add(out, &all[i]);
		}
	}
	return out->processes > 0;
}
