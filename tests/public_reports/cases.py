#!/usr/bin/env python3
"""Public bug reports as cases: each brings about its condition on loopback inside a network and mount namespace of its own, and asks what portmatrix says.

    PM=path/to/portmatrix python3 tests/public_reports/cases.py [ID...]     needs root, openssl, nginx, squid, dnsmasq

Prints OK or FAULT for each. Exit code 0: no fault; 1: faults; 2: something that it needs is missing here.

Where the reports come from: askpfeplat 2015-01-11 and MS KB 224196 (1a), pi-hole/FTL#2903, pi-hole/docs#687 (2), blackbox_exporter#1474, #223,
osixia/container-openldap#390 (3), Kong#5531, lua-resty-healthcheck#170 (4), systemd#4801, eventlet#416 (6), ComplianceAsCode/content#1327,
hickory#2836 (7), rustls#333, rustls#2194, icinga-powershell-framework#771 (8), rustls#1091 (10), kanidm#4002, rustls#2825 (11), hyper#3283,
reqwest#3065 (12), ngx_http_proxy_connect_module#137 (14), mitmproxy#1007 (15), envoy#13544, grpc-go#2767 (16), iisnode#27 (17),
blackbox_exporter#3, #1196 (19), gvm-libs#430, lithnet/access-manager#140 (20), mise#12330, toml#716 (21).
"""
import json, os, pathlib, shutil, socket, subprocess, sys, tempfile, time

MISSING = [tool for tool in ("unshare", "ip", "mount", "openssl", "nginx", "squid", "dnsmasq") if not shutil.which(tool)] + (["root"] if os.geteuid() else [])
if MISSING:
    print(f"cases of public reports need {', '.join(MISSING)}")
    sys.exit(2)

if os.environ.get("CASES_INSIDE") != "1":
    os.environ["CASES_INSIDE"] = "1"
    os.execvp("unshare", ["unshare", "-n", "-m", "--propagation", "private", sys.executable, os.path.abspath(__file__), *sys.argv[1:]])

HERE = pathlib.Path(__file__).resolve().parent
PM = os.path.abspath(os.environ["PM"]) if "PM" in os.environ else "portmatrix"
T = pathlib.Path(tempfile.mkdtemp(prefix="cases-"))
subprocess.run("ip link set lo up; ip addr add 10.9.0.1/24 dev lo; ip addr add fd00:9::1/64 dev lo", shell=True, check=False)
os.chdir(T)
running = []

def sh(line): subprocess.run(line, shell=True, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
def start(*words):
    p = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL); running.append(p); time.sleep(0.5); return p
def wait(host, port):
    for _ in range(100):
        try: socket.create_connection((host, port), 0.2).close(); return
        except OSError: time.sleep(0.1)
def stop():
    for p in running: p.terminate()
    for p in running:
        try: p.wait(5)
        except subprocess.TimeoutExpired: p.kill(); p.wait()
    running.clear()

ROLE = '[[role]]\nid = "{0}"\ntitle = "{0}"\ndescription = "{0}"\nexample = "{0}.x.example"\n'
FLOWS = [("http", "server", "http", "http"), ("https", "server", "https", "https"), ("h2c", "server", "h2c", "grpc-h2c"), ("ldaps", "server", "ldaps", "ldaps"), ("tcp", "server", "http", "tcp")]
(T / "tables").mkdir()
(T / "tables/p.toml").write_text('[product]\nid = "x"\ntitle = "X"\n[ports]\nhttp = 8080\nhttps = 8443\nh2c = 8446\nldaps = 8636\nrpc = 8135\n[ranges]\nrpc-dynamic = "49152-65535"\n'
    + ROLE.format("client") + ROLE.format("server") + '[[role]]\nid = "cloud"\ntitle = "N"\ndescription = "n"\nnames = ["s.x.example"]\nnetworks = ["192.0.2.0/24"]\n'
    + '[[interface]]\nname = "netlogon"\nuuid = "12345678-1234-abcd-ef00-01234567cffb"\nversion = "1.0"\n')
(T / "tables/t.toml").write_text('[matrix]\nid = "x/t"\ntitle = "T"\n[matrix.source]\ndocument = "own"\nupdated = 2026-01-01\nsection = "s"\n'
    + "".join(f'[[flow]]\nid = "{i}"\nfrom = "client"\nto = "{t}"\nport = "{p}"\nprotocol = "{k}"\nrow = {n}\n' for n, (i, t, p, k) in enumerate(FLOWS, 1))
    + '[[flow]]\nid = "rpc"\nfrom = "client"\nto = "server"\nport = "rpc"\nprotocol = "rpc"\ninterfaces = ["netlogon"]\nrange = "rpc-dynamic"\nrow = 8\n'
    + '[[flow]]\nid = "out"\nfrom = "client"\nto = "cloud"\nport = 443\nprotocol = "https"\nrow = 9\n')
FIXED = 'client = { name = "c.x.example", addresses = ["127.0.9.2"] }\nserver = { name = "s.x.example", addresses = ["127.0.9.1"] }\n'
NAMES = 'client = "c.x.example"\nserver = "s.x.example"\n'
def site(name, roles=FIXED, extra=""): (T / name).write_text(f'[site]\nname = "x"\nproduct = "x"\nmatrices = ["tables"]\n{extra}[roles]\n{roles}')
site("site.toml"); site("names.toml", NAMES)
(T / "pinned.toml").write_text('[site]\nname = "x"\nproduct = "x"\nmatrices = ["tables"]\n[ranges]\nrpc-dynamic = "50001"\n[roles]\n' + FIXED)

def connect(flow, *more, site="site.toml"):
    p = subprocess.run([PM, "connect", "--site", site, "--as", "client", "--flow", f"t/{flow}", "--trace", "never", "--format", "json", *more], capture_output=True, text=True, timeout=90)
    try: hops = json.loads(p.stdout)["hops"]
    except Exception: hops = []
    return hops, p
def say(h): return f'{h["verdict"]} {h["reason"]} by {h["answered_by"]}: {h.get("advice") or ""}'[:230]

def certificates():
    sh('openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -subj "/CN=X Root" -days 99 -addext basicConstraints=critical,CA:true')
    (T / "e").write_text("subjectAltName=DNS:s.x.example\nextendedKeyUsage=serverAuth\n")
    leaf("k", "-newkey rsa:2048")
def leaf(name, key, ext="e", ca="ca", more="", keyfile=None):
    if keyfile: sh(f'openssl req -new -key {keyfile} -out {name}.csr -subj /CN=s.x.example'); sh(f"cp {keyfile} {name}.key")
    else: sh(f'openssl req {key} -nodes -keyout {name}.key -out {name}.csr -subj /CN=s.x.example')
    sh(f'openssl x509 -req -in {name}.csr -CA {ca}.pem -CAkey {ca}.key -CAcreateserial -days 90 -extfile {ext} {more} -out {name}.pem')
def tls(name="k", *more): start("openssl", "s_server", "-accept", "127.0.9.1:8443", "-cert", f"{name}.pem", "-key", f"{name}.key", "-www", *more); wait("127.0.9.1", 8443)
def web(body, port=8080, host="127.0.9.1"):
    """Answers every read with these octets."""
    (T / "body").write_bytes(body)
    code = ("import socket,threading\nd=open('body','rb').read();s=socket.socket();s.setsockopt(1,2,1);s.bind(('%s',%d));s.listen(9)\n"
            "def h(c):\n  try:\n    while c.recv(65536): c.sendall(d)\n  except OSError: pass\nwhile True: threading.Thread(target=h,args=(s.accept()[0],),daemon=True).start()") % (host, port)
    return start(sys.executable, "-c", code)
def dns(answer):
    code = ("import socket\nu=socket.socket(2,2);u.bind(('127.0.0.1',5353))\nwhile True:\n  q,a=u.recvfrom(4096);e=q.index(b'\\0',12)+5;t=q[e-3]\n"
            "  an=b'\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4'+socket.inet_aton('%s') if t==1 else b''\n"
            "  u.sendto(q[:2]+b'\\x85\\x80\\0\\1'+(b'\\0\\1' if an else b'\\0\\0')+b'\\0\\0\\0\\0'+q[12:e]+an,a)") % answer
    return start(sys.executable, "-c", code)
def proxy(first, then):
    code = ("import socket,threading,time\ndef pipe(a,b):\n  try:\n    while d:=a.recv(65536): b.sendall(d)\n  except OSError: pass\n"
            "s=socket.socket();s.setsockopt(1,2,1);s.bind(('127.0.9.3',3128));s.listen(9)\nwhile True:\n  c,_=s.accept();c.recv(65536);c.sendall(%r)\n"
            "  if %r=='close': c.recv(10);c.close();continue\n  u=socket.create_connection(('127.0.9.1',8443));threading.Thread(target=pipe,args=(u,c),daemon=True).start();threading.Thread(target=pipe,args=(c,u),daemon=True).start()") % (first, then)
    return start(sys.executable, "-c", code)
def mapper(mode): return start(sys.executable, str(HERE / "epm.py"), "127.0.9.1", "8135", mode)

CASES = []
def case(name, held=False):
    def add(f): CASES.append((name, held, f)); return f
    return add
def one(hops, good):
    if not hops: return False, "no hop in the result"
    if all(h["reason"] == "refused" for h in hops): return False, "the case did not come about: nobody listened"
    return all(good(h) for h in hops), " | ".join(say(h) for h in hops)
advice = lambda h: (h.get("advice") or "")
lower = lambda h: (advice(h) + " " + " ".join(h.get("notes") or []) + " " + h["reason"]).lower()

@case("1a mapper gives a port outside the pinned range")
def _(): mapper("outside"); h, _ = connect("rpc", "--range", "never", site="pinned.toml"); return one(h, lambda h: h["verdict"] != "pass" and "5050" in json.dumps(h))
@case("2 DNS sends an ordinary host to 127.0.0.1")
def _(): web(b"HTTP/1.1 200 OK\r\nServer: Kestrel\r\nContent-Length: 2\r\n\r\nok", host="127.0.0.1"); dns("127.0.0.1"); h, _ = connect("http", "--dns", "127.0.0.1:5353", site="names.toml"); return one(h, lambda h: h["verdict"] not in ("pass", "warn"))
@case("3 server demands a client certificate (TLS 1.3)")
def _(): tls("k", "-Verify", "1", "-CAfile", "ca.pem"); h, _ = connect("https", "--ca", "ca.pem"); return one(h, lambda h: "client" in lower(h) and "certificate" in lower(h) and "filter" not in lower(h))
NGINX = 'daemon off; pid %T/n.pid; error_log /dev/null; events{} http{ access_log off; client_body_temp_path %T/t1; proxy_temp_path %T/t2; fastcgi_temp_path %T/t3; uwsgi_temp_path %T/t4; scgi_temp_path %T/t5; server{ listen 127.0.9.1:8443 ssl; ssl_certificate %T/k.pem; ssl_certificate_key %T/k.key; ssl_client_certificate %T/ca.pem; ssl_verify_client on; } }'
@case("4 nginx: 400 No required SSL certificate was sent")
def _(): (T / "n.conf").write_text(NGINX.replace("%T", str(T))); start("nginx", "-c", str(T / "n.conf")); h, _ = connect("https", "--ca", "ca.pem"); return one(h, lambda h: h["verdict"] != "pass")
def hosts(resolv):
    (T / "hosts").write_text("127.0.0.1 localhost\n10.9.0.1 s.x.example\n"); (T / "resolv").write_text(resolv)
    sh(f"mount --bind {T}/hosts /etc/hosts; mount --bind {T}/resolv /etc/resolv.conf"); (T / "w").mkdir(exist_ok=True)
    web(b"HTTP/1.1 200 OK\r\nServer: Kestrel\r\nContent-Length: 2\r\n\r\nok", host="10.9.0.1")
def unhosts(): sh("umount /etc/hosts; umount /etc/resolv.conf")
@case("6 the hosts file says IPv4, DNS has an AAAA as well")
def _():
    hosts("nameserver 127.0.0.1\n"); start("dnsmasq", "-k", "--no-resolv", "--no-hosts", "--listen-address=127.0.0.1", "--bind-interfaces", "--host-record=s.x.example,10.9.0.1,fd00:9::1", "--user=root")
    try: h, _ = connect("http", site="names.toml"); r = one(h, lambda h: h["verdict"] == "pass"); return (r[0] and len(h) == 1), r[1]
    finally: unhosts()
@case("7 no name server at all, the hosts file has the name")
def _():
    hosts("")
    try: h, _ = connect("http", site="names.toml"); return one(h, lambda h: h["verdict"] == "pass")
    finally: unhosts()
@case("8 TLS 1.2 with CBC or RSA key exchange alone")
def _(): tls("k", "-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA384:AES256-GCM-SHA384:AES256-SHA"); h, _ = connect("https", "--ca", "ca.pem"); return one(h, lambda h: h["verdict"] != "fail" and "cipher" in lower(h))
@case("10 critical extension that nobody knows")
def _(): (T / "ec").write_text((T / "e").read_text() + "1.3.6.1.4.1.99999.1=critical,ASN1:UTF8String:x\n"); leaf("crit", "-newkey rsa:2048", ext="ec"); tls("crit"); h, _ = connect("https", "--ca", "ca.pem"); return one(h, lambda h: h["reason"] != "tls-handshake-failed")
@case("11 the root is trusted, P-384 with SHA-512")
def _(): sh('openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:secp384r1 -sha512 -nodes -keyout r3.key -out r3.pem -subj "/CN=R3" -days 99 -addext basicConstraints=critical,CA:true'); leaf("l3", "-newkey ec -pkeyopt ec_paramgen_curve:secp384r1", ca="r3", more="-sha512"); tls("l3"); h, _ = connect("https", "--ca", "r3.pem"); return one(h, lambda h: "let this machine trust" not in lower(h))
@case("12 200 with 120 headers")
def _(): web(b"HTTP/1.1 200 OK\r\n" + b"".join(b"Set-Cookie: c%d=v\r\n" % i for i in range(120)) + b"Content-Length: 2\r\n\r\nok"); h, _ = connect("http"); return one(h, lambda h: h["reason"] != "http-not-spoken")
PROXY = ("--proxy", "http://127.0.9.3:3128", "--ca", "ca.pem", "--public-roots", "ca.pem")
@case("14 squid: the target refuses (503)")
def _():
    (T / "squid.conf").write_text(f"http_port 127.0.9.3:3129\nacl all src all\nhttp_access allow all\ncache deny all\nnetdb_filename none\nlogfile_rotate 0\ndns_nameservers 127.0.9.99\nconnect_timeout 3 seconds\nmemory_cache_shared off\nhosts_file {T}/sqhosts\npid_filename {T}/squid.pid\ncache_log /dev/null\naccess_log none\ncoredump_dir {T}\n"); (T / "sqhosts").write_text("127.0.9.1 s.x.example\n")
    sh(f"chmod 777 {T}; rm -f /dev/shm/squid-*"); start("squid", "-N", "-f", str(T / "squid.conf")); wait("127.0.9.3", 3129); h, _ = connect("out", "--proxy", "http://127.0.9.3:3129"); return one(h, lambda h: h["reason"] != "refused" and not advice(h).startswith("Allow"))
@case("15 the proxy says 200 and closes")
def _(): proxy(b"HTTP/1.1 200 OK\r\n\r\n", "close"); h, _ = connect("out", *PROXY); return one(h, lambda h: "s.x.example" in advice(h))
@case("16 GOAWAY at once")
def _(): web(bytes.fromhex("00000004000000000000000807000000000000000000000000 00".replace(" ", "")), port=8446); h, _ = connect("h2c"); return one(h, lambda h: "let http/2 through" not in lower(h))
@case("17 503 of HTTP.sys with no front in the plan")
def _(): web(b"HTTP/1.1 503 Service Unavailable\r\nServer: Microsoft-HTTPAPI/2.0\r\nContent-Length: 0\r\n\r\n"); h, _ = connect("http"); return one(h, lambda h: h["answered_by"] != "middlebox" and "front" not in lower(h))
@case("19 the planned source network is not this machine's")
def _(): site("far.toml", 'client = "10.20.0.0/16"\nserver = { name = "s.x.example", addresses = ["10.9.0.1"] }\n'); web(b"HTTP/1.1 200 OK\r\nServer: Kestrel\r\nContent-Length: 2\r\n\r\nok", host="10.9.0.1"); h, p = connect("http", site="far.toml"); return one(h, lambda h: h["verdict"] != "pass" or "10.20.0.0/16" in " ".join(h.get("notes") or []))
@case("20 a Windows name with an underscore")
def _(): site("under.toml", 'client = "c"\nserver = "SRV_APP01"\n'); p = subprocess.run([PM, "plan", "--site", "under.toml"], capture_output=True, text=True); return p.returncode == 0, f"exit {p.returncode} {p.stderr[:120]}"
@case("21 a Windows path in double quotes")
def _(): site("path.toml", FIXED, 'key = "C:\\temp\\new.key"\n'); p = subprocess.run([PM, "plan", "--site", "path.toml"], capture_output=True, text=True); return p.returncode == 2 and "quote" in (p.stderr + p.stdout).lower(), f"exit {p.returncode} {p.stderr[:160]}"

wanted = [a for a in sys.argv[1:] if not a.startswith("-")]
certificates(); faults = {False: 0, True: 0}; total = {False: 0, True: 0}
for name, held, run in CASES:
    if wanted and name.split()[0] not in wanted: continue
    try: good, told = run()
    except Exception as error: good, told = False, f"the case broke: {error!r}"
    finally: stop()
    total[held] += 1; faults[held] += not good
    print(f'{"OK   " if good else "FAULT"} {""}{name}\n        {told}', flush=True)
print(f"{faults[False]} faults of {total[False]}")
os.chdir("/")
shutil.rmtree(T, ignore_errors=True)
sys.exit(1 if sum(faults.values()) or not total[False] else 0)
