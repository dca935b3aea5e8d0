/*
 * openai_vector_stores.c - the Vector stores of the OpenAI API: our collections in its shapes.
 */
