"""Enrolment by the real server and gateway code on a real Mosquitto."""
