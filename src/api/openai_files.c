/*
 * openai_files.c - the Files of the OpenAI API: upload, list, read, delete.
 */
