# Ends everything that belongs to the cluster in directory $1, once the process that holds the
# other end of standard input is gone, however it went; then removes the directory, and before
# that, with its leave.sh, what was made in the user's own cluster.
# The line "keep" on standard input leaves the cluster running instead.
dir=$1
export LC_ALL=C

members() {
  # Whatever was started for the cluster has this in its environment, and so has what that started.
  ps eww -A -o pid= -o command= | while read -r pid command; do
    case " $command " in *" OPEX_CLUSTER_DIR=$dir "*) echo "$pid" ;; esac
  done
  # A component that somebody started by hand has not, but works on the cluster's files.
  ps ww -A -o pid= -o args= | while read -r pid program args; do
    case "${program##*/} $args" in
      "etcd "*"$dir/"* | "kube-"*" "*"$dir/"* | "kwok "*"$dir/"* | "metrics-server "*"$dir/"*) echo "$pid" ;;
    esac
  done
}

# Which of these processes still hold something: one that is ending has no environment and no
# arguments any more, but perhaps its ports. What only waits for its parent to notice is gone.
ending() {
  [ $# -eq 0 ] || ps -o pid= -o stat= -p "$*" | while read -r pid state; do
    case $state in [!Z]* | Z*l*) echo "$pid" ;; esac
  done
}

ps eww -p $$ >/dev/null || exit 1
echo ready
while read -r word; do
  [ "$word" = keep ] && exit 0
done

killed=
while pids=$(members && ending $killed) && [ -n "$pids" ]; do
  kill -9 $pids 2>/dev/null
  killed=$pids
  sleep 0.05
done
[ ! -f "$dir/leave.sh" ] || sh "$dir/leave.sh" >&2
rm -rf "$dir"
