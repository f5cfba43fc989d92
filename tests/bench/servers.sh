#!/bin/sh
# Starts the peers that are servers, on loopback ports and in a folder of their own, runs a command
# and stops them:
#
#     tests/bench/servers.sh build/release/tests/bench/idem_bench --compare build/compare
#
# Needs, on Debian: postgresql nats-server npm.
set -eu
[ $# -gt 0 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2; }
work=$(mktemp -d "${TMPDIR:-/tmp}/idem-servers-XXXXXX")
chmod 755 "$work"
postgres_bin=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
as_postgres() { # the server refuses to run as root
    if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; else "$@"; fi
}
stop() {
    as_postgres "$postgres_bin/pg_ctl" -D "$work/postgres/data" -m fast stop >/dev/null 2>&1 || true
    [ -z "${BENCH_NATS_PID-}" ] || kill "$BENCH_NATS_PID" 2>/dev/null || true
    rm -rf "$work"
}
trap stop EXIT INT TERM

free_port() { shuf -i 20000-32000 -n 1; } # below the ports that the system hands out

port=$(free_port)
mkdir "$work/postgres"
[ "$(id -u)" != 0 ] || chown postgres "$work/postgres"
as_postgres "$postgres_bin/initdb" -D "$work/postgres/data" -U bench --auth=trust -E UTF8 >/dev/null
as_postgres "$postgres_bin/pg_ctl" -D "$work/postgres/data" -w -l "$work/postgres/log" \
    -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c shared_buffers=256MB \
        -c max_wal_size=4GB" start >/dev/null
(cd "$work" && npm pack --silent @eventide/message-db >/dev/null && tar xzf ./*.tgz)
(cd "$work/package/database" && PGHOST=127.0.0.1 PGPORT=$port PGUSER=bench sh -c 'bash ./install.sh' >/dev/null)
export BENCH_POSTGRES="host=127.0.0.1 port=$port dbname=message_store user=bench"
export BENCH_POSTGRES_PID=$(head -n 1 "$work/postgres/data/postmaster.pid")
export BENCH_POSTGRES_FOLDER="$work/postgres/data"

port=$(free_port)
nats-server -a 127.0.0.1 -p "$port" -js -sd "$work/nats" >"$work/nats.log" 2>&1 &
export BENCH_NATS_PID=$!
export BENCH_NATS="nats://127.0.0.1:$port"
export BENCH_NATS_FOLDER="$work/nats"

"$@"
