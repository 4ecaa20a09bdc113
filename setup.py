"Package metadata: everything comes from settings.ini, so that no fact stands in two places."

from configparser import ConfigParser
from pathlib import Path
from setuptools import setup

here = Path(__file__).parent
cfg = ConfigParser(delimiters=["="])
cfg.read(here / "settings.ini", encoding="utf-8")
cfg = cfg["DEFAULT"]
extras = {
    k.removesuffix("_requirements"): v.split()
    for k, v in cfg.items()
    if k.endswith("_requirements")
}
for_contributors = ("dev", "docs", "browser", "lab", "wandb", "models")
extras["all"] = sorted({
    r for name, rs in extras.items() if name not in for_contributors for r in rs
})
readme = here / "README.md"

setup(
    name=cfg["lib_name"],
    version=cfg["version"],
    description=cfg["description"],
    author=cfg["author"],
    keywords=cfg["keywords"].split(),
    classifiers=[
        "Development Status :: 4 - Beta",
        "Framework :: Jupyter",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    license=cfg["license"],
    license_files=["LICENSE"],
    long_description=readme.read_text(encoding="utf-8") if readme.exists() else "",
    long_description_content_type="text/markdown",
    packages=["hier_nb"],
    package_data={"hier_nb": ["data/*", "recipes/*", "static/*"]},
    python_requires=">=" + cfg["min_python"],
    install_requires=cfg["requirements"].split(),
    extras_require=extras,
    entry_points={
        "console_scripts": cfg["console_scripts"].split(),
        "nbdev": ["hier_nb=hier_nb._modidx:d"],
    },
)
