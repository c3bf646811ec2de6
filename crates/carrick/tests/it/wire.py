"""Carries bytes between standard input and a TCP port: wire.py HOST PORT [cut]. With "cut", each of the first bytes travels alone."""
import os, socket, sys, threading

host, port, cut = sys.argv[1], int(sys.argv[2]), sys.argv[3:] == ["cut"]
peer = socket.create_connection((host, port))
peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def back():
    try:
        while data := peer.recv(65536):
            os.write(1, data)
    except OSError:
        pass
    os._exit(0)


threading.Thread(target=back, daemon=True).start()
sent = 0
try:
    while data := os.read(0, 65536):
        alone = data[: max(0, 4000 - sent)] if cut else b""
        for byte in alone:
            peer.sendall(bytes([byte]))
        peer.sendall(data[len(alone) :])
        sent += len(data)
    peer.shutdown(socket.SHUT_WR)
except OSError:
    pass
threading.Event().wait(20)
