/*
 * yaml_test.c - what a text of YAML may say: keys once, aliases and merges within the bounds, nothing that grows or hides.
 */
#include "conf/test_conf.h"

/* Who reads a tree makes room for a key once. */
static void
a_key_that_stands_twice_is_told_and_left_out(void **state)
{
	struct problems problems;
	struct yaml *root = NULL;
	struct arena *arena = arena_new(MIB(1));

	(void)state;
	problems_init(&problems, arena);
	yaml_parse(arena, STR("c.yaml"), STR("a: 1\nb: {c: [2], d: 3, c: [4, {e: 5}], f: 6}\na: {g: 7}\nh: 8\n"), &problems, &root);
	assert_non_null(root);
	assert_int_equal(problems.count, 2);
	assert_true(str_eq_c(root->first->text, "1"));
	assert_true(str_eq_c(root->first->next->key, "b"));
	assert_true(str_eq_c(root->first->next->next->key, "h"));
	assert_null(root->first->next->next->next);
	assert_true(str_eq_c(root->first->next->first->next->key, "d"));
	assert_true(str_eq_c(root->first->next->first->next->next->key, "f"));
	arena_free(arena);
}

static void
yaml_that_could_grow_or_hide_is_refused(void **state)
{
	static const char *const texts[] = {
		"a: &x [1]\nloud: *x",
		"loud: !!bool true",
		"loud: *x",
		"models: &x [*x]",
		"models: &x [[*x]]",
		"*x: 1",
		"&x loud: true\n*x : false",
		"<<: loud",
		"<<: [loud]",
		"<<: {loud: true}\n<<: {loud: false}",
		"loud: true\n---\nloud: true",
		"loud: true\nloud: true",
		"? [a]\n: b",
		"loud: [",
		"\tloud: true",
		"loud: \"\\xff\\0\"",
		"[]",
		"x",
		"{{{{{{{{{{{{{{{{{{{{{{{{{{{{",
		"loud: \xff\xfe",
		"loud: \"tru\\u0000e\"",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(texts); i++) {
		problems_init(&f->problems, f->arena);
		if (!parse(f, texts[i]))
			fail_msg("accepted: %s", texts[i]);
	}
}

/* What a tree says, without keys' places: {a:1,b:[2]}. */
static void
put_tree(struct buf *out, const struct yaml *node)
{
	if (node->kind == YAML_SCALAR) {
		buf_add(out, node->text);
		return;
	}
	buf_add_byte(out, node->kind == YAML_MAP ? '{' : '[');
	for (const struct yaml *child = node->first; child; child = child->next) {
		buf_printf(out, "%s%" STR_F "%s", child == node->first ? "" : ",", STR_A(child->key), node->kind == YAML_MAP ? ":" : "");
		put_tree(out, child);
	}
	buf_add_byte(out, node->kind == YAML_MAP ? '}' : ']');
}

static const char *
tree_of(struct fixture *f, const char *text)
{
	struct yaml *root = NULL;
	struct buf out;

	problems_init(&f->problems, f->arena);
	yaml_parse(f->arena, STR("c.yaml"), str_of(text), &f->problems, &root);
	if (f->problems.count)
		return told(f);
	buf_init(&out, f->arena, KIB(4));
	put_tree(&out, root);
	buf_add_byte(&out, '\0');
	return out.ptr;
}

/* The examples of YAML's merge type (yaml.org/type/merge.html), and what is ours: that the first map of a list is the one that counts. */
static void
aliases_and_merges_stand_for_what_they_name(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(tree_of(f, "a: &x {b: [1, {c: 2}]}\nd: *x\ne: [*x, *x]\n"), "{a:{b:[1,{c:2}]},d:{b:[1,{c:2}]},e:[{b:[1,{c:2}]},{b:[1,{c:2}]}]}");
	assert_string_equal(tree_of(f, "a: &x one\nb: &x two\nc: *x\n"), "{a:one,b:two,c:two}");
	assert_string_equal(tree_of(f, "- &CENTER {x: 1, y: 2}\n- &LEFT {x: 0, y: 2}\n- &BIG {r: 10}\n- &SMALL {r: 1}\n- {<<: *CENTER, r: 10, label: c}\n- {<<: [*CENTER, *BIG], label: c}\n"
				       "- {<<: [*BIG, *LEFT, *SMALL], x: 1, label: c}\n"),
		"[{x:1,y:2},{x:0,y:2},{r:10},{r:1},{r:10,label:c,x:1,y:2},{label:c,x:1,y:2,r:10},{x:1,label:c,r:10,y:2}]");
	assert_string_equal(tree_of(f, "a: &x {<<: {b: 1}}\nc: {<<: *x, d: 2}\n"), "{a:{b:1},c:{d:2,b:1}}");
	assert_string_equal(tree_of(f, "a: &x [1]\nb: *y\n"), "c.yaml:2:5: there is no anchor \"&y\" before this\n");
	assert_string_equal(tree_of(f, "a: &x {b: *x}\n"), "c.yaml:1:12: this alias stands inside of what it names\n");
	assert_string_equal(tree_of(f, "a: &x 1\nb: {<<: *x}\n"), "c.yaml:1:7: expected a map or a list of maps to merge\n");
	/* A mistake in what is repeated is told at its place. */
	assert_non_null(parse(f, "providers:\n  - &x {name: a, kind: opnai}\n  - {<<: *x, name: b}\n"));
	assert_non_null(strstr(told(f), "c.yaml:2:"));
}

/* Ten aliases of ten aliases and so on: a billion values from a kilobyte, were they written out. And what is as deep as it may be cannot be put into what is deep. */
static void
aliases_count_as_if_they_were_written_out(void **state)
{
	struct fixture *f = *state;
	struct arena *arena = arena_new(MIB(64));
	struct yaml *root = NULL;
	struct buf text;

	buf_init(&text, f->arena, KIB(16));
	buf_printf(&text, "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n");
	for (int i = 1; i < 9; i++) {
		buf_printf(&text, "a%d: &a%d [", i, i);
		for (int j = 0; j < 10; j++)
			buf_printf(&text, "%s*a%d", j ? ", " : "", i - 1);
		buf_printf(&text, "]\n");
	}
	yaml_parse(arena, STR("c.yaml"), buf_str(&text), &f->problems, &root);
	arena_free(arena);
	assert_null(root);
	assert_non_null(strstr(told(f), "too many values for a configuration"));
	assert_string_equal(tree_of(f, "a: &x [[[[[[[[[[[[[[1]]]]]]]]]]]]]]\nb: [*x]\n"), "{a:[[[[[[[[[[[[[[1]]]]]]]]]]]]]],b:[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}");
	assert_non_null(strstr(tree_of(f, "a: &x [[[[[[[[[[[[[[1]]]]]]]]]]]]]]\nb: [[*x]]\n"), "nested too deeply"));
}

static void
a_file_too_large_is_refused(void **state)
{
	struct fixture *f = *state;
	struct conf_spec spec = { .path = STR("c.yaml"), .tables = tables };
	char *text = mem_alloc(MIB(1) + 2);

	memset(text, '#', MIB(1) + 1);
	assert_non_null(conf_parse(&spec, str_n(text, MIB(1) + 1), &f->problems, &f->conf));
	assert_null(conf_parse(&spec, str_n(text, MIB(1)), &f->problems, &f->conf) ? f->conf : NULL);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(yaml_that_could_grow_or_hide_is_refused),
		TEST(aliases_and_merges_stand_for_what_they_name),
		TEST(aliases_count_as_if_they_were_written_out),
		TEST(a_file_too_large_is_refused),
		TEST(a_key_that_stands_twice_is_told_and_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
