# shellcheck shell=bash disable=SC2034  # used by the script that sources it
# The mark that a new image has in an unused sector before the first partition: its data partition has no file system
# yet.
readonly unmade="warren: data has no file system yet" unmade_sector=2047
