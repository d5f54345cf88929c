#!/bin/sh
# Two hosts on one machine: network namespaces with host names of their own, a veth pair between them. Needs
# root. Arguments: the folder of the programs, the source folder, the test program of the collectives. With a
# compiled model and a rate of tc as well (4gbit), the test gives way to the time of a training step over such a
# link: with gradients exchanged during the backward pass, after it, and not at all.
set -eu
bin=$1
source=$2
collectives=$3

skip() {
  echo "skipped: $1"
  exit 77
}
for tool in mpirun ip tc unshare; do
  command -v $tool >/dev/null || skip "there is no $tool"
done
mpirun --version | grep -q '(Open MPI) 4\.' || skip "this is not Open MPI 4, whose daemons the test starts"
first=graphrun-a-$$
second=graphrun-b-$$
folder=$(mktemp -d)
clean_up() {
  for host in $first $second; do
    for process in $(ip netns pids $host 2>/dev/null); do kill -9 "$process" 2>/dev/null || true; done
    ip netns del $host 2>/dev/null || true
  done
  rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP
ip netns add $first 2>/dev/null && ip netns add $second 2>/dev/null || skip "network namespaces are not permitted"
unshare --uts true 2>/dev/null || skip "host names of their own are not permitted"
ip link add gr0 netns $first type veth peer name gr0 netns $second 2>/dev/null || skip "veth pairs are not permitted"

first_address=10.213.77.1
second_address=10.213.77.2
for host in $first $second; do
  ip -n $host link set lo up
  ip -n $host link set gr0 up
done
ip -n $first address add $first_address/24 dev gr0
ip -n $second address add $second_address/24 dev gr0

# What mpirun starts its daemon of another host with: HOST COMMAND..., for a shell.
cat >"$folder/agent" <<END
#!/bin/sh
[ "\$1" = $second_address ] || exit 1
shift
exec ip netns exec $second unshare --uts sh -c 'hostname second; exec sh -c "\$1"' sh "\$*"
END
chmod +x "$folder/agent"

export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 GRAPHRUN_HOME="$source" OMP_WAIT_POLICY=passive
# A rank on each host, which have nothing but the veth pair between them.
on_both() {
  ip netns exec $first unshare --uts sh -c 'hostname first; exec "$@"' sh \
    mpirun --host $first_address:1,$second_address:1 -n 2 --bind-to none --mca plm_rsh_agent "$folder/agent" \
    --mca pml ob1 --mca btl tcp,self --mca btl_tcp_if_include gr0 --mca oob_tcp_if_include gr0 "$@"
}
crossed() { ip netns exec $first cat /sys/class/net/gr0/statistics/rx_bytes; }
fail() {
  echo "error: $1" >&2
  exit 1
}

limit() {
  for host in $first $second; do
    ip netns exec $host tc qdisc add dev gr0 root tbf rate "$1" burst "$2" latency 400ms
  done
}

if [ $# -ge 5 ]; then
  limit "$5" 4mb
  for exchange in overlap after none; do
    on_both "$bin/grun" bench "$4" --mode train --shape 1,3,241,241 --iters 5 --threads 1 --exchange $exchange |
      sed "s/^/$exchange: /"
  done
  exit 0
fi

before=$(crossed)
on_both "$collectives" --run_test='!ranks_know_where_they_are'
bytes=$(($(crossed) - before))
echo "collectives: $bytes bytes received by the first host"
# The sums of 100003 numbers alone are more.
[ $bytes -gt 1000000 ] || fail "the ranks spoke by another way"
on_both sh -c 'hostname' | sort | tr '\n' ' ' | grep -q 'first second' || fail "not two hosts"

cd "$folder"
train="$bin/grun train tiny.fb --dataset shapes --seed 3 --threads 1 --set train_h=33 --set train_w=33 --set batch_size=8
  --set workers=1 --set base_lr=0.01 -q"
eval="$bin/grun eval --run $folder/one --set test_h=33 --set test_w=33 --set index_step=20 --threads 1 -q"
losses() { sed 's/, "data_s".*//' "$1/metrics.jsonl"; }
"$bin/graphc" "$source/graphs/spnet_tiny.json" -o tiny.fb -D width=8
$train --max-iters 12 --ranks 2 -o "$folder/one"
on_both $train --max-iters 12 -o "$folder/two"
losses one >one.txt
losses two | cmp - one.txt || fail "two hosts do not give the losses of one"
[ "$(wc -l <one.txt)" = 12 ] || fail "the losses of 12 iterations were expected"

$eval -o one_scores >/dev/null
on_both $eval -o "$folder/two_scores" >/dev/null
diff -r one_scores two_scores || fail "two hosts do not give the results of one"

# A slow link changes the time alone.
limit 20mbit 64kb
before=$(crossed)
begin=$(date +%s%N)
on_both $train --max-iters 12 -o "$folder/slow"
milliseconds=$((($(date +%s%N) - begin) / 1000000))
bytes=$(($(crossed) - before))
echo "training at 20 Mbit/s: $bytes bytes received by the first host, $milliseconds ms"
losses slow | cmp - one.txt || fail "a slow link changes the losses"

# A link that breaks ends the ranks on both hosts. mpirun itself, which cannot reach its daemon, waits longer.
# Ranks are known by their program's file: they are in another mount namespace, where its path may differ.
ranks_left() {
  for process in $(ip netns pids $first) $(ip netns pids $second); do
    ! [ /proc/$process/exe -ef "$bin/grun" ] || echo $process
  done
}
on_both $train --set epochs=1000 --set rank_timeout=5 -o "$folder/cut" 2>cut.txt & job=$!
until [ "$(cat cut/metrics.jsonl 2>/dev/null | wc -l)" -gt 2 ]; do
  kill -0 $job || fail "a job ended early: $(cat cut.txt)"
  sleep 0.05
done
[ "$(ranks_left | wc -l)" = 2 ] || fail "two ranks were expected: $(ranks_left)"
ip -n $second link set gr0 down
begin=$(date +%s)
while [ -n "$(ranks_left)" ]; do
  [ $(($(date +%s) - begin)) -lt 60 ] || fail "ranks are left 60 s after the link broke: $(cat cut.txt)"
  sleep 0.2
done
echo "a broken link: ranks gone after $(($(date +%s) - begin)) s"
# The first host's mpirun may still be passing on what the rank said before it went.
until grep -q 'grun: error: rank 0 on first: .*no answer from rank 1 on second' cut.txt; do
  [ $(($(date +%s) - begin)) -lt 60 ] || fail "the error does not name rank and host: $(cat cut.txt)"
  sleep 0.2
done
