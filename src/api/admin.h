/*
 * admin.h - what the files of the admin API share: the tenant that is meant, pages, answers.
 */
#pragma once

#include "api/api.h"

/* The tenant a request is about: the caller's, or for the operator the one named by ?tenant= (name or number). ERR_NOT_FOUND, ERR_FORBIDDEN. */
MAY_PARK const struct err *admin_tenant(struct api_request *request, int64_t *out);

/* Writes one object as a JSON value. */
typedef void admin_put_fn(struct json_out *out, const void *object);

MAY_PARK const struct err *admin_answer(struct api_request *request, int status, admin_put_fn *put, const void *object);

/* {"object":"list","data":[…],"has_more":…} of `count` objects of `size` bytes. */
MAY_PARK const struct err *admin_answer_list(
	struct api_request *request, admin_put_fn *put, const void *list, size_t size, size_t count, bool has_more);

/* ?after= (or empty) and ?limit= (1 to 1000, else 100). */
const struct err *admin_page(struct api_request *request, struct str *after, unsigned *limit);
