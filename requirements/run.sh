#!/usr/bin/env bash
# Start a command of Wince. Where this user's home can't be written, what it would keep there lies below the clone, in var/.
set -euo pipefail

writable() { # whether a folder can be written, or made
  local folder=$1
  while [[ ! -e $folder ]]; do folder=$(dirname "$folder"); done
  [[ -d $folder && -w $folder ]]
}

place() { # VARIABLE FOLDER NAME: set VARIABLE to var/NAME where FOLDER, the default, can't be written
  if [[ -n ${!1:-} ]] || writable "$2"; then return; fi
  export "$1=$PWD/var/$3"
  echo "make: $2 can't be written; $1=$PWD/var/$3 (set it for other commands, too)" >&2
}

home=~
if [[ -z ${WINCE_CONFIG:-} ]]; then # its settings name folders of their own
  place WINCE_STATE_DIR "${XDG_STATE_HOME:-$home/.local/state}/wince" state
  place WINCE_MODELS_DIR "${XDG_CACHE_HOME:-$home/.cache}/wince/models" models
fi
exec "$@"
