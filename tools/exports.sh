#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# exports.sh .map|.macos|.def FILE - the export list in a linker's form.
set -eu
grep -v '^#' "$2" | sort | awk -v form="$1" '
form == ".macos" { print "_" $2 }
form == ".def"   { if (NR == 1) print "EXPORTS"; print "    " $2 }
form == ".map" {
    if ($1 != level) {
        if (level != "") print "};"
        print $1 " {\n  global:"
        level = $1
    }
    print "    " $2 ";"
}
END { if (form == ".map") print "  local: *;\n};" }'
