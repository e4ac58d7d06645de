# Ends everything that belongs to the cluster in directory $1, once the process that holds the
# other end of standard input is gone, however it went; then removes the directory.
# On standard input, "keep" leaves the cluster running instead; "end" tells that nobody was killed.
dir=$1
export LC_ALL=C
ps -p $$ >/dev/null || exit 1
echo ready
told=
while read -r word; do
  [ "$word" = keep ] && exit 0
  told=$word
done

# Pids of the control plane (started from links in the directory, or being started by kwokctl) and
# of the programs that ran beside it: "PID PROGRAM" in processes/, against a pid used again.
members() {
  ps -A -ww -o pid= -o command= | while read -r pid command; do
    case $command in
      "$dir"/* | *"/kwokctl "*"$dir"/* | "sh -c "*" $dir/processes/"*) echo "$pid" ;;
    esac
  done
  for file in "$dir"/processes/*; do
    [ -f "$file" ] || continue
    read -r pid program <"$file" || continue
    case $(ps -ww -o command= -p "$pid") in
      "$program"* | *"$file"*) echo "$pid" ;;
    esac
  done
}

while pids=$(members) && [ -n "$pids" ]; do
  kill -9 $pids 2>/dev/null
  sleep 0.05
done
rm -rf "$dir"
# A kubectl that outlives a killed test by a moment may write its cache once more.
if [ "$told" != end ]; then
  sleep 1
  rm -rf "$dir"
fi
