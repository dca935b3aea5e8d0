/*
 * multipart.h - a streaming, bounded parser of multipart/form-data bodies (RFC 7578, RFC 2046 section 5.1).
 */
#pragma once
