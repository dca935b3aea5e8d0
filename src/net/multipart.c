/*
 * multipart.c - finds the boundaries of a multipart body in pieces of any size, and the fields of each part's headers.
 */
