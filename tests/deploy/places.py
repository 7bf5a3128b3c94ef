"""Where things are."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
HELM = ROOT / "deploy" / "helm"
SERVICES = ("members", "hub", "surveys", "notifications")
