import{g as e}from"./chunk-ICWZPPTN.js";function f(){return e("main",{id:"office"})}export{f as Office};
