"""Real servers started on this machine, and processes kept alive.

interface.py       the contract of a server: start, ensure, stop    server_process.py  its process; ports.py its ports
kafka.py, postgres/, torchserve.py  the servers                     supervisor.py      our own services, restarted and drained
leftovers.py       what a killed start left behind                  stopping.py        how a signal ends a command
"""
