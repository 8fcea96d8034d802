// The files that put replicas behind a load balancer and a supervisor behind the system's own: text made of a few settings, to be read and changed by whoever runs them.
// Every route that answers or takes in rows is safe to repeat: events, items and users are known by their ids. Orders, such as queueing a run, are given once.

export interface Replica {
  readonly host: string
  readonly port: number
}

export interface BalancerSettings {
  /** At least one. */
  readonly replicas: readonly Replica[]
  /** The port that visitors' servers ask. */
  readonly port: number
}

export interface UnitSettings {
  readonly systemName: string
  /** The folder of the system file. */
  readonly projectDir: string
  readonly dataDir: string
  readonly host: string
  readonly port: number
  /** How long a stopping system goes on taking requests; longer than a load balancer takes to notice. */
  readonly drainSeconds: number
}

/** Routes whose requests may be made twice. */
const REPEATABLE = ['/v1/recommend', '/v1/events', '/v1/items', '/v1/users']

/** For HAProxy 2.4 or newer. */
export const haproxyConfig = ({
  replicas,
  port,
}: BalancerSettings): string => `# HAProxy in front of ${replicas.length} ${replicas.length === 1 ? 'replica' : 'replicas'} of Millrace. Check it with: haproxy -c -f haproxy.cfg
global
    log stdout format raw local0
    # A request can be made again on another replica only if it was kept whole: up to this size, which is some 250 events.
    tune.bufsize 65536

defaults
    mode http
    log global
    option httplog
    option dontlog-normal
    timeout connect 1s
    # Longer than an answer takes; training and the like go on behind the answer.
    timeout server 30s
    timeout client 30s
    timeout http-request 30s
    timeout http-keep-alive 60s
    timeout queue 2s

frontend millrace
    bind :${port}
    # Reading and taking in are safe to repeat, by the ids of events; orders are not.
    acl is_read method GET HEAD OPTIONS
${REPEATABLE.map((path) => `    acl is_repeatable path_beg ${path}`).join('\n')}
    http-request disable-l7-retry if !is_read !is_repeatable
    default_backend replicas

backend replicas
    balance leastconn
    # A connection that broke before the answer began: the request is made again, on another replica.
    option redispatch 1
    retries 3
    retry-on conn-failure empty-response 502 503 504
    # A replica that stops or does not follow the log any more says 503 here, and gets no new requests.
    option httpchk
    http-check send meth GET uri /health/ready ver HTTP/1.1 hdr Host millrace
    http-check expect status 200
    default-server check inter 1s fastinter 200ms fall 2 rise 2 observe layer4 error-limit 5 on-error mark-down slowstart 5s maxconn 1000
${replicas.map(({ host, port: at }, n) => `    server replica-${n + 1} ${address(host)}:${at}`).join('\n')}
`

/** For nginx 1.14 or newer: a file of its conf.d. It has no checks of health; a replica that refuses is left alone for a while. */
export const nginxConfig = ({
  replicas,
  port,
}: BalancerSettings): string => `# nginx in front of ${replicas.length} ${replicas.length === 1 ? 'replica' : 'replicas'} of Millrace, as a file of /etc/nginx/conf.d. Check it with: nginx -t
# The free nginx does not ask /health/ready: it notices by requests that fail, which are made again on another replica.
upstream millrace {
    least_conn;
${replicas.map(({ host, port: at }) => `    server ${address(host)}:${at} max_fails=2 fail_timeout=5s;`).join('\n')}
    keepalive 64;
}

server {
    listen ${port};
    # A batch of events takes up to 16 MiB.
    client_max_body_size 16m;
    client_body_buffer_size 1m;

    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    proxy_connect_timeout 1s;
    proxy_read_timeout 30s;
    proxy_next_upstream_tries 3;
    proxy_next_upstream_timeout 10s;

    # Reading and taking in are safe to repeat, by the ids of events.
    location ~ ^(${REPEATABLE.join('|')}) {
        proxy_pass http://millrace;
        proxy_next_upstream error timeout http_502 http_503 http_504 non_idempotent;
    }

    # Orders are given once.
    location / {
        proxy_pass http://millrace;
        proxy_next_upstream error timeout http_502 http_503;
    }
}
`

/** For systemd 240 or newer. */
export const systemdUnit = (settings: UnitSettings): string => {
  const { systemName, projectDir, dataDir, host, port, drainSeconds } = settings
  return `# Millrace as a service. Put it into /etc/systemd/system, then: systemctl enable --now millrace
# "systemctl reload millrace" replaces every process, one after the other, without an interruption: for a new system file or a new version of the package.
[Unit]
Description=Millrace: ${systemName}
Wants=network-online.target
After=network-online.target

[Service]
User=millrace
WorkingDirectory=${unitPath(projectDir)}
ExecStart=${unitPath(`${projectDir}/node_modules/.bin/millrace`)} start --host ${host} --port ${port} --drain ${drainSeconds} --data ${unitPath(dataDir)}
ExecReload=/bin/kill -HUP $MAINPID
# The supervisor tells its processes; what is left of them when it is gone is killed.
KillMode=mixed
TimeoutStopSec=${drainSeconds + 60}
Restart=always
RestartSec=1
LimitNOFILE=65536
NoNewPrivileges=yes
PrivateTmp=yes
ProtectSystem=strict
ReadWritePaths=${unitPath(dataDir)}

[Install]
WantedBy=multi-user.target
`
}

const address = (host: string): string => (host.includes(':') ? `[${host}]` : host)

/** systemd replaces % and $, and splits at spaces. */
function unitPath(path: string): string {
  const escaped = path.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%').replaceAll('$', '$$$$')
  return /\s/.test(path) ? `"${escaped}"` : escaped
}
