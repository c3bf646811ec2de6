"""Replaces a file and asks until the new route answers; prints median, 99th percentile and range of the time between."""
import http.client
import os
import sys
import time

HOST = "server.ns2.svc.cluster.global"
ROUTE = """apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{ name: bench, namespace: default }}
spec:
  hosts: [{host}]
  http:
  - match: [{{ uri: {{ exact: /bench }} }}]
    directResponse: {{ status: 200, body: {{ string: "answer {number}" }} }}
  - route: [{{ destination: {{ host: {host} }} }}]
"""


def save(path, number):
    """As editors do: the new text beside the old one, then a rename over it."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(ROUTE.format(host=HOST, number=number))
    os.rename(path + ".new", path)


def ask(connection):
    connection.request("GET", "/bench")
    return connection.getresponse().read().decode()


def main():
    path, edits = sys.argv[1], int(sys.argv[2])
    connection = http.client.HTTPConnection(HOST, timeout=10)
    times = []
    for number in range(edits):
        saved = time.monotonic()
        save(path, number)
        while ask(connection) != f"answer {number}":
            if time.monotonic() - saved > 20:
                sys.exit(f"error: edit {number} has no effect after 20 s")
        times.append((time.monotonic() - saved) * 1000)
    times.sort()
    middle, late = times[len(times) // 2], times[min(len(times) - 1, len(times) * 99 // 100)]
    print(f"{edits} edits: median {middle:.1f} ms, p99 {late:.1f} ms, {times[0]:.1f} to {times[-1]:.1f} ms")


main()
