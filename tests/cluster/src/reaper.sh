# Ends everything that belongs to the cluster in directory $1, once the process that holds the
# other end of standard input is gone, however it went; then removes the directory.
# The line "keep" on standard input leaves the cluster running instead.
dir=$1
export LC_ALL=C

# Whatever was started for the cluster has this in its environment, and so has what that started.
members() {
  ps eww -A -o pid= -o command= | while read -r pid command; do
    case " $command " in *" OPEX_CLUSTER_DIR=$dir "*) echo "$pid" ;; esac
  done
}

ps eww -p $$ >/dev/null || exit 1
echo ready
while read -r word; do
  [ "$word" = keep ] && exit 0
done

while pids=$(members) && [ -n "$pids" ]; do
  kill -9 $pids 2>/dev/null
  sleep 0.05
done
rm -rf "$dir"
