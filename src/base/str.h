/*
 * str.h - a view of bytes: pointer and length, passed by value.
 *
 * A view owns nothing and is not terminated by a zero byte. It lives as long as what it looks into: an arena, a buffer, a literal.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define KIB(n) ((size_t)(n) * 1024)
#define MIB(n) ((size_t)(n) * 1024 * 1024)

/* Built with AddressSanitizer: gcc says so with a macro, clang with a feature. */
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define BASE_ASAN 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define BASE_ASAN 1
#endif

/* What a printf-like function is, for the compiler's checks: positions of the format and of the first argument. */
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

/* In a declaration or a member: the caller's fiber may wait here, and the world may change meanwhile (see rt/wait.h). */
#define MAY_PARK

struct str {
	const char *ptr;
	size_t len;
};

/* A view of a literal, usable in initialisers of automatic and static objects. */
#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
#define STR_INIT(literal) { "" literal, sizeof(literal) - 1 }
#define STR_EMPTY ((struct str){ "", 0 })

/* For printf: printf("%" STR_F, STR_A(view)); prints at most INT_MAX bytes. */
#define STR_F ".*s"
#define STR_A(s) (int)(s).len, (s).ptr

static inline struct str
str_of(const char *text)
{
	return text ? (struct str){ text, strlen(text) } : STR_EMPTY;
}

static inline struct str
str_n(const char *ptr, size_t len)
{
	return (struct str){ ptr, len };
}

static inline bool
str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool
str_eq_c(struct str a, const char *b)
{
	return str_eq(a, str_of(b));
}

/* Bytes [from, to) of s; positions past its end are cut to the end. */
struct str str_slice(struct str s, size_t from, size_t to);

/* Whether it is one of these names: up to `max`, or to a NULL before. */
bool str_in(struct str s, const char *const *names, size_t max);

/* Equality without regard to the case of ASCII letters, as for header names. */
bool str_eq_ci(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
int str_cmp(struct str a, struct str b);

/* Position of the first `needle` at or after `from`, or SIZE_MAX. An empty needle is found at `from`. */
size_t str_find(struct str s, struct str needle, size_t from);
size_t str_find_byte(struct str s, char byte, size_t from);

/* Without leading and trailing blanks (space, tab, CR, LF). */
struct str str_trim(struct str s);

/*
 * Cuts the piece before the next `separator` off the front of `*rest`; false once nothing is left.
 * "a,,b" gives "a", "", "b"; an empty string gives nothing.
 */
bool str_split(struct str *rest, char separator, struct str *piece);

/* A number in decimal digits, which lie in `room`. */
enum { STR_I64_MAX = 20 };
struct str str_of_i64(int64_t number, char room[STR_I64_MAX]);

/* Whole string as a number; false when it is empty, has other bytes, or does not fit. */
bool str_to_i64(struct str s, int64_t *out);
bool str_to_f64(struct str s, double *out);

/* Equality in a time that does not depend on the contents: for secrets. The lengths are not hidden. */
bool str_eq_secret(struct str a, struct str b);
