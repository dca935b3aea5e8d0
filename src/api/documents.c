/*
 * documents.c - the page a citation leads to: a passage among its neighbours.
 */
