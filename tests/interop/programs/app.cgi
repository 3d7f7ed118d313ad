#!/bin/sh
# What each back end of the tests can do, by the query string.
printf 'Content-Type: text/plain\r\n\r\n'
case $QUERY_STRING in
  hello) echo hello ;;
  count) sha256sum | cut -d ' ' -f 1 ;;
  big) exec seq -f '%015.0f' 0 1310719 ;;
  stderr) echo 'something to say' >&2; echo said ;;
  exit) echo gone; exit 7 ;;
esac
