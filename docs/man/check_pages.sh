#!/bin/sh
# Formats every man page and fails if the formatter prints a warning. Usage: check_pages.sh DIRECTORY
command -v man >/dev/null || { echo "skipped: man is not installed"; exit 0; }
failed=0
for page in "$1"/*.[158]; do
    said="$(MANROFFSEQ='' MANWIDTH=100 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)"
    lines="$(man -l "$page" 2>/dev/null | wc -l)"
    if [ -n "$said" ] || [ "$lines" -lt 20 ]; then
        echo "$page: $lines lines; $said"
        failed=1
    fi
done
exit "$failed"
