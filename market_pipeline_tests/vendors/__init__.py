"""The vendor clients, against recorded bodies, a misbehaving loopback server and the sandbox."""
