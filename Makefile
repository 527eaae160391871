# The one entry for people and CI. Every target sets up what it needs; `.venv/` then holds the installed project.
.PHONY: demo test test-core lint bench build clean
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin

demo test lint bench build test-core: .venv/ready

include tools/setup.mk
