/*
 * admin_knowledge.c - collections and documents by name, for the CLI and the console.
 */
