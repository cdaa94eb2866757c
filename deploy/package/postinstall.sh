#!/bin/sh
# Starts the new version where the service runs. A first installation waits for the key and the secret.
set -e
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  systemctl try-restart videosdk-auth-endpoint.service
fi
