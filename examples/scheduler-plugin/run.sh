#!/bin/sh
# Starts a cluster with the plugin, labels a node, and shows which pods go there.
set -e
cd "$(dirname "$0")"
pyk8s up --name quiet --nodes 3 --scheduler-config scheduler.yaml --scheduler-plugin quiet_nodes.py
trap 'pyk8s down --name quiet' EXIT
kubectl wait --for=condition=Ready node --all --timeout=60s
kubectl label node node-1 quiet=yes
kubectl create deployment loud --image=nginx --replicas=6
kubectl run library --image=nginx --labels=quiet=yes --overrides='{"spec": {"nodeSelector": {"quiet": "yes"}}}'
kubectl wait --for=condition=Ready pod --all --timeout=60s
kubectl get pods -o wide
