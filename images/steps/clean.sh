#!/bin/sh
# Remove what a build leaves behind, and what nobody reads in a container. Copyright files stay.
set -eu
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/cache/ldconfig/* /var/lib/dpkg/*-old /var/log/* "$HOME/.cache" \
  /etc/apt/sources.list /etc/apt/sources.list.d/* /etc/machine-id /etc/resolv.conf /etc/hostname /etc/*- /var/lib/systemd \
  /usr/share/man /usr/share/info /usr/share/locale /usr/share/lintian /usr/share/linda /usr/share/bug
find /usr/share/doc -depth \( -type f -o -type l \) ! -name copyright -delete
find /usr/share/doc -depth -type d -empty -delete
find /usr /opt -depth -type d -name __pycache__ -exec rm -rf {} +
rm -rf /tmp/* /var/tmp/* /run/* # an image has no place that all may write: mount one at /tmp
chmod 0755 /tmp /var/tmp
