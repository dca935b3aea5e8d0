/*
 * settings.h - the list of all settings there are, and how the program finds its configuration.
 */
#pragma once

#include "cli/cli.h"
#include "conf/conf.h"

/* Every room's rows; ends with NULL. */
extern const struct setting_table *const setting_tables[];

/*
 * What a command with the options --config, --data and --listen loads its configuration from: the file named by -c, else by CORBEL_CONFIG, else ./corbel.yaml if it is there.
 * Lies in the arena of the arguments.
 */
struct conf_spec settings_spec(const struct args *args);

/* Loads it. On a mistake every one of them is printed and the result is NULL. */
struct conf *settings_load(const struct conf_spec *spec);
