#!/bin/sh
# Ends the service before its binary goes. An upgrade leaves it running: dpkg calls this with "upgrade", rpm with 1.
set -e
if [ -d /run/systemd/system ] && { [ "$1" = remove ] || [ "$1" = 0 ]; }; then
  systemctl disable --now videosdk-auth-endpoint.service
fi
